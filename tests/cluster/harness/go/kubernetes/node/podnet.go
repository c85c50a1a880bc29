package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	cniFile      = "/etc/cni/net.d/10-podnet.conflist"
	syncInterval = 2 * time.Second
	retryDelay   = 200 * time.Millisecond
)

// podnet is the pod network of a cluster: it writes the CNI configuration of its own node from spec.podCIDR, and keeps
// one route per other node through that node's address. All nodes are on one bridge, so there is no tunnel.
func podnet() error {
	client, err := nodeClient()
	if err != nil {
		return err
	}
	network := podNetwork{client: client, self: os.Getenv("NODE_NAME")}
	for {
		delay := syncInterval
		if err := network.sync(); err != nil {
			fmt.Fprintln(os.Stderr, "podnet:", err)
			delay = retryDelay
		}
		time.Sleep(delay)
	}
}

// nodeClient reaches the API server past the service network, which may not be there yet.
func nodeClient() (kubernetes.Interface, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, err
	}
	if endpoint := os.Getenv("CONTROL_PLANE_ENDPOINT"); endpoint != "" {
		config.Host = "https://" + endpoint
	}
	config.Timeout = 5 * time.Second
	return kubernetes.NewForConfig(config)
}

type podNetwork struct {
	client  kubernetes.Interface
	self    string
	written string // the pod CIDR that the CNI configuration holds
}

func (n *podNetwork) sync() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	nodes, err := n.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return err
	}
	for i := range nodes.Items {
		node := &nodes.Items[i]
		switch {
		case node.Spec.PodCIDR == "":
			continue
		case node.Name == n.self:
			err = n.openNode(node.Spec.PodCIDR)
		default:
			err = routeTo(node)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// openNode writes the CNI configuration, which makes the node Ready and lets pods start. It holds that back until
// kube-proxy has set up the API's service address here: a pod that dials the address earlier leaves an untranslated
// connection behind and waits 30 s for it.
func (n *podNetwork) openNode(cidr string) error {
	if n.written == cidr {
		return nil
	}
	if err := firewall(); err != nil {
		return err
	}
	api := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	conn, err := net.DialTimeout("tcp", api, 300*time.Millisecond)
	if err != nil {
		return fmt.Errorf("service network is not there yet: %w", err)
	}
	conn.Close()
	if err := writeCNI(cidr); err != nil {
		return err
	}
	n.written = cidr
	fmt.Println("podnet: pods get addresses of", cidr)
	return nil
}

func writeCNI(cidr string) error {
	content, err := json.MarshalIndent(map[string]any{
		"cniVersion": "0.4.0",
		"name":       "podnet",
		"plugins": []any{
			map[string]any{
				"type": "ptp", "ipMasq": false, "mtu": 1500,
				"ipam": map[string]any{
					"type": "host-local", "dataDir": "/run/cni-ipam-state",
					"routes": []any{map[string]any{"dst": "0.0.0.0/0"}},
					"ranges": []any{[]any{map[string]any{"subnet": cidr}}},
				},
			},
			map[string]any{"type": "portmap", "capabilities": map[string]any{"portMappings": true}},
		},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(cniFile+".tmp", content, 0o644); err != nil {
		return err
	}
	return os.Rename(cniFile+".tmp", cniFile)
}

func routeTo(node *corev1.Node) error {
	_, pods, err := net.ParseCIDR(node.Spec.PodCIDR)
	if err != nil {
		return err
	}
	for _, address := range node.Status.Addresses {
		gateway := net.ParseIP(address.Address).To4()
		if address.Type != corev1.NodeInternalIP || gateway == nil {
			continue
		}
		if err := netlink.RouteReplace(&netlink.Route{Dst: pods, Gw: gateway}); err != nil {
			return fmt.Errorf("route %v via %v: %w", pods, gateway, err)
		}
		return nil
	}
	return nil
}

// firewall lets pods out of the cluster under the node's address, and refuses packets for the API's service address that
// kube-proxy has not translated: they would leave the node, and another cluster on this machine, which has the same
// service network, would answer.
func firewall() error {
	api := os.Getenv("KUBERNETES_SERVICE_HOST") + "/32"
	pods := os.Getenv("POD_SUBNET")
	rules := [][]string{
		{"filter", "OUTPUT", "-d", api, "-j", "REJECT"},
		{"filter", "FORWARD", "-d", api, "-j", "REJECT"},
		{"nat", "POSTROUTING", "-s", pods, "!", "-d", pods, "-o", "eth0", "-j", "MASQUERADE"},
	}
	for _, rule := range rules {
		if err := ensureRule(rule[0], rule[1], rule[2:]); err != nil {
			return err
		}
	}
	return nil
}

func ensureRule(table, chain string, match []string) error {
	iptables := func(action string) ([]byte, error) {
		args := append([]string{"-w", "5", "-t", table, action, chain}, match...)
		return exec.Command("iptables", args...).CombinedOutput()
	}
	if _, err := iptables("-C"); err == nil {
		return nil
	}
	if out, err := iptables("-A"); err != nil {
		return fmt.Errorf("iptables %s %s %v: %w: %s", table, chain, match, err, out)
	}
	return nil
}
