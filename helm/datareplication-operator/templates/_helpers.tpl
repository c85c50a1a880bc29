{{- define "datareplication-operator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "datareplication-operator.fullname" -}}
{{- $fullname := include "datareplication-operator.anyFullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $fullname) -}}
{{- fail (printf "%q is not a valid name for a Service: set fullnameOverride" $fullname) -}}
{{- end -}}
{{- $fullname -}}
{{- end -}}

{{- define "datareplication-operator.anyFullname" -}}
{{- $name := include "datareplication-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "datareplication-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "datareplication-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end -}}

{{- /* No managed-by and no chart name: Helm sets managed-by itself, and manifests/ uses the same templates. */ -}}
{{- define "datareplication-operator.labels" -}}
{{- $own := include "datareplication-operator.selectorLabels" . | fromYaml -}}
{{- $more := dict "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/part-of" "datareplication" -}}
{{- merge $own $more .Values.commonLabels | toYaml -}}
{{- end -}}

{{- define "datareplication-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "datareplication-operator.fullname" .) -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* (list root image) -> reference; a digest as tag is joined by @. */ -}}
{{- define "datareplication-operator.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := (($root.Values.global).imageRegistry) | default $image.registry -}}
{{- $repository := ternary (printf "%s/%s" (trimSuffix "/" $registry) $image.repository) $image.repository (ne $registry "") -}}
{{- $tag := $image.tag | default $root.Chart.AppVersion -}}
{{- printf "%s%s%s" $repository (ternary "@" ":" (hasPrefix "sha256:" $tag)) $tag -}}
{{- end -}}

{{- /* All rights of the operator. It never reads a Secret: pods get credentials by secretKeyRef. */ -}}
{{- define "datareplication-operator.rules" -}}
- apiGroups: [datareplication.dev]
  resources: [datareplications]
  verbs: [get, list, watch]
- apiGroups: [datareplication.dev]
  resources: [datareplicationruns]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [datareplication.dev]
  resources: [datareplications/status]
  verbs: [update, patch]
- apiGroups: [datareplication.dev]
  resources: [datareplicationruns/status]
  verbs: [update]
# For owner references with blockOwnerDeletion, if the admission plugin OwnerReferencesPermissionEnforcement is on
# (OpenShift).
- apiGroups: [datareplication.dev]
  resources: [datareplications/finalizers, datareplicationruns/finalizers]
  verbs: [update]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# The progress of a running step is the last line of its log.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  verbs: [get, list, create, patch]
# For snapshot.volumeClaimTemplate: the operator creates and grows a claim, and never deletes it.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, create, patch]
{{- end -}}
