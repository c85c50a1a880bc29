"""Which version of everything a cluster is made of; the only place that says so.

The versions of Kubernetes, etcd and CoreDNS that a self-built node runs are pinned by the go.mod files under go/; the
one of Kubernetes is repeated here, because programs are told theirs when they are linked.
"""

KIND = "v0.33.0"
HELM = "v3.22.0"
KUBERNETES = "v1.35.4"
# The 1.35 image that kind v0.33.0 was released with.
PUBLIC_NODE = "kindest/node:v1.35.8@sha256:07b2536e30b803ed61d1677a79df6115f798ce64c80f9e22f6ed45afd09323c0"
NODE_SUITE = "bookworm"
