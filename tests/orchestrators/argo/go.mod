module datareplication.dev/tests/argo

go 1.26

require github.com/argoproj/argo-workflows/v4 v4.0.5
