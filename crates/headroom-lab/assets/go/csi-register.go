// Command csi-register announces a CSI driver to the kubelet of its node.
//
// The kubelet dials registration sockets with the percent-encoded path of the socket as the HTTP/2 authority, which Rust's
// HTTP/2 server rejects as malformed; Go's accepts it. CSI calls themselves come with the authority "localhost".
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

type server struct {
	registration.UnimplementedRegistrationServer
	driver, endpoint string
}

func (s *server) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              s.driver,
		Endpoint:          s.endpoint,
		SupportedVersions: []string{"1.0.0"},
	}, nil
}

// NotifyRegistrationStatus ends the program after a refusal: the supervisor starts it again, which makes the kubelet ask
// again at once instead of after its own growing delay.
func (s *server) NotifyRegistrationStatus(_ context.Context, status *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if !status.PluginRegistered {
		log.Printf("the kubelet refused the driver: %s", status.Error)
		time.AfterFunc(100*time.Millisecond, func() { os.Exit(1) })
	} else {
		log.Printf("registered %s at %s", s.driver, s.endpoint)
	}
	return &registration.RegistrationStatusResponse{}, nil
}

func main() {
	driver := flag.String("driver", "", "name of the driver")
	endpoint := flag.String("endpoint", "", "socket of the driver, as the kubelet sees it")
	socket := flag.String("socket", "", "registration socket, in the kubelet's plugins_registry")
	flag.Parse()
	for {
		connection, err := net.Dial("unix", *endpoint)
		if err == nil {
			connection.Close()
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := os.Remove(*socket); err != nil && !os.IsNotExist(err) {
		log.Fatal(err)
	}
	listener, err := net.Listen("unix", *socket)
	if err != nil {
		log.Fatal(err)
	}
	serving := grpc.NewServer()
	registration.RegisterRegistrationServer(serving, &server{driver: *driver, endpoint: *endpoint})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		serving.Stop()
	}()
	if err := serving.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
