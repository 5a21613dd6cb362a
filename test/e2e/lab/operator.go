package lab

import (
	"context"
	"path/filepath"
	"strings"
	"time"
)

// OperatorNamespace is where the chart is installed.
const OperatorNamespace = "carrier-system"

// AppImage is the image of the shop's application.
const AppImage = "carrier-operator.local/app:dev"

// images that the node is given: the product's three and the application that plays the shop.
var images = map[string]string{
	"manager": "./cmd/manager",
	"gateway": "./cmd/gateway",
	"purger":  "./cmd/purger",
	"app":     "./test/e2e/cmd/app",
}

// LoadImages builds the programs and gives the node an image of each.
func (l *Lab) LoadImages(ctx context.Context) error {
	for _, name := range []string{"manager", "gateway", "purger", "app"} {
		if err := l.build(ctx, l.Root, images[name], name); err != nil {
			return err
		}
		_, err := l.Run(ctx, nil, l.path("devcluster"), "load-image", "--name", l.Name, "--image", name+":dev", "--binary", l.path(name))
		if err != nil {
			return err
		}
	}
	return nil
}

// InstallOperator installs the chart with Helm, as the README says, with the images that LoadImages made.
func (l *Lab) InstallOperator(ctx context.Context) error {
	helm, err := l.Run(ctx, nil, filepath.Join(l.Root, "hack/tools/tool"), "helm")
	if err != nil {
		return err
	}
	args := []string{
		"upgrade", "--install", "carrier-operator", filepath.Join(l.Root, "charts/carrier-operator"),
		"--namespace", OperatorNamespace, "--create-namespace", "--wait", "--timeout", "3m",
	}
	for _, name := range []string{"manager", "gateway", "purger"} {
		prefix := "images." + name
		args = append(args, "--set", prefix+".repository=carrier-operator.local/"+name, "--set", prefix+".tag=dev",
			"--set", prefix+".pullPolicy=Never")
	}
	if _, err := l.Run(ctx, nil, strings.TrimSpace(helm), args...); err != nil {
		return err
	}
	// A second run of the demo brings new binaries under the same tag.
	if _, err := l.Kubectl(ctx, "-n", OperatorNamespace, "rollout", "restart", "deployment", "-l", "app.kubernetes.io/name=carrier-operator"); err != nil {
		return err
	}
	return l.Wait(ctx, 2*time.Minute, "the operator's rollout", func(ctx context.Context) (bool, string, error) {
		said, err := l.Kubectl(ctx, "-n", OperatorNamespace, "rollout", "status", "deployment", "-l", "app.kubernetes.io/name=carrier-operator", "--timeout=5s")
		return err == nil, said, err
	})
}
