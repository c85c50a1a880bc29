// provisioner makes the volumes of the default StorageClass: a directory of the machine that every node of the cluster
// has mounted at the same place, so that ReadWriteMany means what it says.
//
// Kubernetes' own host-path provisioner and kind's local-path give a directory of one node, root's and mode 0755: a
// second node sees nothing in it, and a non-root pod cannot write.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	madeBy       = "pv.kubernetes.io/provisioned-by"    // tells Kubernetes to leave the removal to us
	selectedNode = "volume.kubernetes.io/selected-node" // set by the scheduler when a pod wants the claim
	interval     = 500 * time.Millisecond
)

type provisioner struct {
	client kubernetes.Interface
	name   string // of the StorageClass's provisioner
	class  string
	root   string // the shared directory, at the same path here and on every node
}

func main() {
	config, err := rest.InClusterConfig()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p := provisioner{
		client: kubernetes.NewForConfigOrDie(config),
		name:   os.Getenv("PROVISIONER"),
		class:  os.Getenv("STORAGE_CLASS"),
		root:   os.Getenv("SHARED_DIRECTORY"),
	}
	for {
		if err := p.sync(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		time.Sleep(interval)
	}
}

// sync makes what waiting claims lack and removes what deleted claims left. Each step can be repeated after a crash.
func (p *provisioner) sync() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cached := metav1.ListOptions{ResourceVersion: "0"}
	claims, err := p.client.CoreV1().PersistentVolumeClaims("").List(ctx, cached)
	if err != nil {
		return err
	}
	for i := range claims.Items {
		if p.isWaiting(&claims.Items[i]) {
			if err := p.provision(ctx, &claims.Items[i]); err != nil {
				return err
			}
		}
	}
	volumes, err := p.client.CoreV1().PersistentVolumes().List(ctx, cached)
	if err != nil {
		return err
	}
	for i := range volumes.Items {
		if p.isLeft(&volumes.Items[i]) {
			if err := p.remove(ctx, &volumes.Items[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *provisioner) isWaiting(claim *corev1.PersistentVolumeClaim) bool {
	class := claim.Spec.StorageClassName
	return class != nil && *class == p.class && claim.Spec.VolumeName == "" && claim.DeletionTimestamp == nil &&
		claim.Annotations[selectedNode] != ""
}

func (p *provisioner) isLeft(volume *corev1.PersistentVolume) bool {
	return volume.Annotations[madeBy] == p.name && volume.DeletionTimestamp == nil &&
		volume.Status.Phase == corev1.VolumeReleased &&
		volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete
}

func (p *provisioner) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	name := "pvc-" + string(claim.UID)
	directory := filepath.Join(p.root, name)
	if err := os.MkdirAll(directory, 0o777); err != nil {
		return err
	}
	// Not by MkdirAll, which the umask narrows: a pod of any user has to be able to write, fsGroup does nothing here.
	if err := os.Chmod(directory, 0o777); err != nil {
		return err
	}
	_, err := p.client.CoreV1().PersistentVolumes().Create(ctx, p.volume(name, directory, claim), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err == nil {
		fmt.Println("made", name, "for", claim.Namespace+"/"+claim.Name)
	}
	return err
}

func (p *provisioner) volume(name, directory string, claim *corev1.PersistentVolumeClaim) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{madeBy: p.name}},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName:              p.class,
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: directory},
			},
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
		},
	}
}

// remove takes away the directory first: a volume object that is left can be found again, a directory cannot.
func (p *provisioner) remove(ctx context.Context, volume *corev1.PersistentVolume) error {
	directory := volume.Spec.HostPath.Path
	if filepath.Dir(directory) != p.root {
		return fmt.Errorf("volume %s is not below %s: %s", volume.Name, p.root, directory)
	}
	if err := os.RemoveAll(directory); err != nil {
		return err
	}
	err := p.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		fmt.Println("removed", volume.Name)
	}
	return err
}
