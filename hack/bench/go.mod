module github.com/carrier-operator/carrier-operator/hack/bench

go 1.27.3

require github.com/carrier-operator/carrier-operator v0.0.0

replace github.com/carrier-operator/carrier-operator => ../..
