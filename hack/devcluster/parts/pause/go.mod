module github.com/carrier-operator/carrier-operator/hack/devcluster/parts/pause

go 1.27.3
