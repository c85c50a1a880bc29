//go:build tools

// Package argo pins the version of Argo Workflows that the example is tested with.
package argo

import (
	_ "github.com/argoproj/argo-workflows/v4/cmd/argoexec"
	_ "github.com/argoproj/argo-workflows/v4/cmd/workflow-controller"
)
