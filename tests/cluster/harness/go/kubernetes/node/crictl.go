package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	runtimeSocket  = "unix:///run/containerd/containerd.sock"
	runtimeTimeout = 10 * time.Second
)

// crictl stands in for cri-tools' program of that name: `inspecti`, which `kind load` calls, and lists for a person.
func crictl(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: crictl inspecti IMAGE | images | ps | pods")
	}
	conn, err := grpc.NewClient(runtimeSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), runtimeTimeout)
	defer cancel()
	images, runtime := cri.NewImageServiceClient(conn), cri.NewRuntimeServiceClient(conn)
	switch args[0] {
	case "inspecti":
		return inspectImage(ctx, images, args[len(args)-1])
	case "images":
		return listImages(ctx, images)
	case "ps":
		return listContainers(ctx, runtime)
	case "pods":
		return listPods(ctx, runtime)
	}
	return fmt.Errorf("crictl (stand-in): %q is not supported", args[0])
}

func inspectImage(ctx context.Context, images cri.ImageServiceClient, name string) error {
	answer, err := images.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}})
	if err != nil {
		return err
	}
	if answer.Image == nil {
		return fmt.Errorf("no such image %q present", name)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"status": map[string]any{
		"id":          answer.Image.Id,
		"repoTags":    answer.Image.RepoTags,
		"repoDigests": answer.Image.RepoDigests,
		"size":        fmt.Sprint(answer.Image.Size),
	}})
}

func listImages(ctx context.Context, images cri.ImageServiceClient) error {
	answer, err := images.ListImages(ctx, &cri.ListImagesRequest{})
	if err != nil {
		return err
	}
	for _, image := range answer.Images {
		fmt.Println(image.Id, image.Size, image.RepoTags)
	}
	return nil
}

func listContainers(ctx context.Context, runtime cri.RuntimeServiceClient) error {
	answer, err := runtime.ListContainers(ctx, &cri.ListContainersRequest{})
	if err != nil {
		return err
	}
	for _, c := range answer.Containers {
		pod := c.Labels["io.kubernetes.pod.namespace"] + "/" + c.Labels["io.kubernetes.pod.name"]
		fmt.Printf("%.13s %-18s %-28s %s\n", c.Id, c.State, c.Metadata.Name, pod)
	}
	return nil
}

func listPods(ctx context.Context, runtime cri.RuntimeServiceClient) error {
	answer, err := runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	for _, pod := range answer.Items {
		fmt.Printf("%.13s %-18s %s/%s\n", pod.Id, pod.State, pod.Metadata.Namespace, pod.Metadata.Name)
	}
	return nil
}
