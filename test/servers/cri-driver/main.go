// Command cri-driver starts one pod through the Kubernetes runtime interface of the containerd at its usual socket, as a
// kubelet would, and says when each of its calls began and ended, by its own clock:
//
//	cri-driver POD HANDLER PAUSE_MS RUN_MS [IMAGE[,ARG...]]...
//
// A container for each IMAGE, one after another, with a pause between its create and its start; then all of it runs for a
// while and is stopped and removed. A line for each call, fields apart by tabs: begin and end in ns since the epoch, the call, what it
// was for (the container's number, or nothing), the id it gave or was given, and why it failed. It ends well whatever the calls say.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Makes a call and tells of it; the call returns the id it was given, or gave.
func call(verb, whom string, do func() (string, error)) (string, bool) {
	begin := time.Now().UnixNano()
	id, err := do()
	end := time.Now().UnixNano()
	reason := ""
	if err != nil {
		reason = strings.Join(strings.Fields(err.Error()), " ")
	}
	fmt.Printf("%d\t%d\t%s\t%s\t%s\t%s\n", begin, end, verb, whom, id, reason)
	return id, err == nil
}

func milliseconds(text string) time.Duration {
	count, err := strconv.Atoi(text)
	if err != nil {
		fmt.Fprintf(os.Stderr, "cri-driver: %s is no number of milliseconds\n", text)
		os.Exit(64)
	}
	return time.Duration(count) * time.Millisecond
}

func main() {
	if len(os.Args) < 5 {
		fmt.Fprintln(os.Stderr, "cri-driver POD HANDLER PAUSE_MS RUN_MS [IMAGE[,ARG...]]...")
		os.Exit(64)
	}
	name, handler, pause, run := os.Args[1], os.Args[2], milliseconds(os.Args[3]), milliseconds(os.Args[4])
	conn, err := grpc.NewClient("unix:///run/containerd/containerd.sock", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	client := cri.NewRuntimeServiceClient(conn)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// The socket is connected before the first call is timed.
	if _, err := client.Version(ctx, &cri.VersionRequest{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	config := &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: name, Uid: name, Namespace: "default"},
		LogDirectory: "/var/log/pods/" + name,
		Linux:        &cri.LinuxPodSandboxConfig{},
	}
	pod, ok := call("RunPodSandbox", "", func() (string, error) {
		answer, err := client.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: config, RuntimeHandler: handler})
		return answer.GetPodSandboxId(), err
	})
	if !ok {
		return
	}
	var containers []string
	for index, spec := range os.Args[5:] {
		if id, ok := start(ctx, client, config, pod, strconv.Itoa(index), strings.Split(spec, ","), pause); ok {
			containers = append(containers, id)
		}
	}
	time.Sleep(run)
	stop(ctx, client, pod, containers)
}

// Creates a container and starts it.
func start(ctx context.Context, client cri.RuntimeServiceClient, config *cri.PodSandboxConfig, pod, whom string, words []string, pause time.Duration) (string, bool) {
	id, ok := call("CreateContainer", whom, func() (string, error) {
		answer, err := client.CreateContainer(ctx, &cri.CreateContainerRequest{
			PodSandboxId: pod, SandboxConfig: config,
			Config: &cri.ContainerConfig{
				Metadata: &cri.ContainerMetadata{Name: "app" + whom},
				Image:    &cri.ImageSpec{Image: words[0]},
				Command:  words[1:],
				LogPath:  whom + ".log",
				Linux:    &cri.LinuxContainerConfig{},
			},
		})
		return answer.GetContainerId(), err
	})
	if !ok {
		return "", false
	}
	time.Sleep(pause)
	call("StartContainer", whom, func() (string, error) {
		_, err := client.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: id})
		return id, err
	})
	return id, true
}

// Stops and removes all of it.
func stop(ctx context.Context, client cri.RuntimeServiceClient, pod string, containers []string) {
	for _, id := range containers {
		call("StopContainer", "", func() (string, error) {
			_, err := client.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: id})
			return id, err
		})
		call("RemoveContainer", "", func() (string, error) {
			_, err := client.RemoveContainer(ctx, &cri.RemoveContainerRequest{ContainerId: id})
			return id, err
		})
	}
	call("StopPodSandbox", "", func() (string, error) {
		_, err := client.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: pod})
		return pod, err
	})
	call("RemovePodSandbox", "", func() (string, error) {
		_, err := client.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: pod})
		return pod, err
	})
}
