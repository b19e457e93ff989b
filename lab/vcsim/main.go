// vcsim serves govmomi's simulated vCenter over TLS, for tests and the demonstration.
//
// It listens on 127.0.0.1, with a certificate of its own making, and prints one line of JSON: url,
// uuid (the instance's) and certificate (PEM). It ends when its standard input does, or on SIGTERM
// or SIGINT, so that it cannot outlive whoever started it; no call that is under way is finished.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// historySize is how many events the simulator keeps, which is 1000 unless it is told otherwise.
//
//go:linkname historySize github.com/vmware/govmomi/simulator.maxPageSize
var historySize int

type announcement struct {
	URL         string `json:"url"`
	UUID        string `json:"uuid"`
	Certificate string `json:"certificate"`
}

func main() {
	hosts := flag.Int("hosts", 3, "how many hosts it has, in one cluster")
	username := flag.String("username", "administrator@vsphere.local", "the only user it knows")
	events := flag.Int("events", 0, "how many times its hosts have entered and left already")
	password := flag.String("password", "vcsim", "the only password it takes")
	port := flag.Int("port", 0, "where it listens, or 0 for any port that is free")
	identity := flag.String("uuid", uuid.NewString(), "its instance UUID")
	entered := flag.String("entered", "", "the numbers of hosts that are in maintenance mode, 1,2,3")
	left := flag.String("left", "", "the numbers of hosts that were, and are not any more")
	datastores := flag.String("datastores", "", "the numbers of hosts that mount each, 1;2;1,2")
	machines := flag.String("machines", "", "the number of the host that each runs on, 1,1,2")
	flag.Parse()

	model := populated(*hosts, *identity)
	defer model.Remove()
	mount(model, strings.FieldsFunc(*datastores, func(char rune) bool { return char == ';' }))
	run(model, numbers(*machines))
	historySize += *events + *hosts
	remember(model, *events)
	enter(model, numbers(*entered))
	leave(model, numbers(*left))
	inventory := model.Map()
	inventory.AddHandler(&modeReporter{inventory: inventory})
	certificate, encoded := certify()
	model.Service.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	model.Service.Listen = &url.URL{
		Host: fmt.Sprintf("127.0.0.1:%d", *port),
		User: url.UserPassword(*username, *password),
	}
	// It is never closed, which would wait for those who wait for changes.
	server := model.Service.NewServer()

	announce(announcement{
		URL:         fmt.Sprintf("https://%s%s", server.URL.Host, server.URL.Path),
		UUID:        model.ServiceContent.About.InstanceUuid,
		Certificate: encoded,
	})
	waitForTheEnd()
}

// populated returns a vCenter with one cluster of hosts, called esx01.lab.local and so on.
func populated(hosts int, identity string) *simulator.Model {
	model := simulator.VPX()
	model.ServiceContent.About.InstanceUuid = identity
	// What it lists first in vimServiceVersions.xml, before 6.0 and 5.5.
	model.ServiceContent.About.ApiVersion = "8.0.3.0"
	model.Cluster, model.ClusterHost, model.Host = 1, min(hosts, 1), 0
	model.Datastore, model.Machine, model.Portgroup = 0, 0, 0
	check(model.Create())
	if hosts == 0 {
		return model
	}
	inventory := model.Map()
	cluster := inventory.Any("ClusterComputeResource").(*simulator.ClusterComputeResource)
	first := inventory.Any("HostSystem").(*simulator.HostSystem)
	christen(first, 1)
	for number := 2; number <= hosts; number++ {
		host := alike(first)
		inventory.PutEntity(cluster, inventory.NewEntity(host))
		christen(host, number)
		cluster.Host = append(cluster.Host, host.Self)
	}
	return model
}

// alike returns a new host that shares the first one's hardware: the simulator would copy it
// through XML, which takes minutes for thousands of hosts.
func alike(first *simulator.HostSystem) *simulator.HostSystem {
	host := &simulator.HostSystem{HostSystem: first.HostSystem}
	host.Summary.Runtime = &host.Runtime
	return host
}

func christen(host *simulator.HostSystem, number int) {
	host.Name = fmt.Sprintf("esx%02d.lab.local", number)
	host.Summary.Config.Name = host.Name
	host.Summary.Host = &host.Self
}

// mount adds datastores, each of which the hosts of some numbers mount, such as 1,2.
func mount(model *simulator.Model, datastores []string) {
	datacenter := model.Map().Any("Datacenter").(*simulator.Datacenter)
	hosts := hostsOf(model)
	for place, mounts := range datastores {
		datastore := store(place+1, numbers(mounts))
		put(model, datacenter.DatastoreFolder, datastore)
		datastore.Summary.Datastore = &datastore.Self
		datacenter.Datastore = append(datacenter.Datastore, datastore.Self)
		for _, number := range numbers(mounts) {
			host := hosts[number-1]
			datastore.Host = append(datastore.Host, types.DatastoreHostMount{
				Key: host.Self,
				MountInfo: types.HostMountInfo{
					Path:       datastore.Summary.Url,
					AccessMode: string(types.HostMountModeReadWrite),
					Mounted:    types.NewBool(true),
					Accessible: types.NewBool(true),
				},
			})
			host.Datastore = append(host.Datastore, datastore.Self)
		}
	}
	if len(datastores) > 0 {
		cluster := model.Map().Any("ClusterComputeResource").(*simulator.ClusterComputeResource)
		cluster.Datastore = append(cluster.Datastore, datacenter.Datastore...)
	}
}

// store returns a new datastore, called local01 if it is to be mounted by one host, or shared01.
func store(number int, mounts []int) *simulator.Datastore {
	isShared := len(mounts) > 1
	name := fmt.Sprintf("local%02d", number)
	if isShared {
		name = fmt.Sprintf("shared%02d", number)
	}
	url := fmt.Sprintf("ds:///vmfs/volumes/%s/", name)
	datastore := &simulator.Datastore{}
	datastore.Name = name
	datastore.Info = &types.VmfsDatastoreInfo{DatastoreInfo: types.DatastoreInfo{Name: name, Url: url}}
	datastore.Summary = types.DatastoreSummary{
		Name:               name,
		Url:                url,
		Accessible:         true,
		MultipleHostAccess: &isShared,
		Type:               "VMFS",
		MaintenanceMode:    string(types.DatastoreSummaryMaintenanceModeStateNormal),
	}
	return datastore
}

// run adds virtual machines, called vm01 and so on, which run on the hosts of these numbers.
func run(model *simulator.Model, numbers []int) {
	folder := model.Map().Any("Datacenter").(*simulator.Datacenter).VmFolder
	hosts := hostsOf(model)
	for place, number := range numbers {
		host := hosts[number-1]
		machine := &simulator.VirtualMachine{}
		machine.Name = fmt.Sprintf("vm%02d", place+1)
		machine.Runtime = types.VirtualMachineRuntimeInfo{
			Host:            &host.Self,
			PowerState:      types.VirtualMachinePowerStatePoweredOn,
			ConnectionState: types.VirtualMachineConnectionStateConnected,
			// Clients stumble over empty ones.
			FaultToleranceState: types.VirtualMachineFaultToleranceStateNotConfigured,
			RecordReplayState:   types.VirtualMachineRecordReplayStateInactive,
		}
		machine.Summary.Runtime = machine.Runtime
		machine.Summary.OverallStatus = types.ManagedEntityStatusGreen
		machine.Summary.QuickStats.GuestHeartbeatStatus = types.ManagedEntityStatusGray
		// What has to be there for it to be moved to another host.
		machine.Config = &types.VirtualMachineConfigInfo{}
		machine.Layout = &types.VirtualMachineFileLayout{}
		machine.LayoutEx = &types.VirtualMachineFileLayoutEx{Timestamp: time.Now()}
		machine.Storage = &types.VirtualMachineStorageInfo{Timestamp: time.Now()}
		machine.Summary.Storage = &types.VirtualMachineStorageSummary{Timestamp: time.Now()}
		machine.Datastore = host.Datastore
		put(model, folder, machine)
		host.Vm = append(host.Vm, machine.Self)
	}
}

// put gives an entity a MoRef, and puts it into a folder.
func put(model *simulator.Model, where types.ManagedObjectReference, entity mo.Entity) {
	folder := model.Map().Get(where).(*simulator.Folder)
	model.Map().PutEntity(folder, model.Map().NewEntity(entity))
	folder.ChildEntity = append(folder.ChildEntity, entity.Reference())
}

// remember posts so many events, of one host after another: all enter, then all leave, and so on.
func remember(model *simulator.Model, events int) {
	hosts := hostsOf(model)
	for number := 0; number < events; number++ {
		post(model, hosts[number%len(hosts)], number/len(hosts)%2 == 0)
	}
}

// enter lets hosts be in maintenance mode, and remembers that they have entered it.
func enter(model *simulator.Model, numbers []int) {
	hosts := hostsOf(model)
	for _, number := range numbers {
		host := hosts[number-1]
		host.Runtime.InMaintenanceMode = true
		post(model, host, true)
	}
}

// leave remembers that hosts have entered maintenance mode, and have left it.
func leave(model *simulator.Model, numbers []int) {
	hosts := hostsOf(model)
	for _, number := range numbers {
		post(model, hosts[number-1], true)
		post(model, hosts[number-1], false)
	}
}

func post(model *simulator.Model, host *simulator.HostSystem, entered bool) {
	datacenter := model.Map().Any("Datacenter").Reference()
	about := types.HostEvent{Event: types.Event{
		Datacenter: &types.DatacenterEventArgument{Datacenter: datacenter},
		Host: &types.HostEventArgument{
			EntityEventArgument: types.EntityEventArgument{Name: host.Name},
			Host:                host.Self,
		},
	}}
	var event types.BaseEvent = &types.ExitMaintenanceModeEvent{HostEvent: about}
	if entered {
		event = &types.EnteredMaintenanceModeEvent{HostEvent: about}
	}
	manager := model.Map().Get(*model.ServiceContent.EventManager).(*simulator.EventManager)
	manager.PostEvent(model.Service.Context, &types.PostEvent{EventToPost: event})
}

// hostsOf returns all hosts, by their numbers less one.
func hostsOf(model *simulator.Model) []*simulator.HostSystem {
	hosts := []*simulator.HostSystem{}
	for _, each := range model.Map().All("HostSystem") {
		hosts = append(hosts, each.(*simulator.HostSystem))
	}
	sort.Slice(hosts, func(i, j int) bool { return numberOf(hosts[i]) < numberOf(hosts[j]) })
	return hosts
}

func numberOf(host *simulator.HostSystem) int {
	var number int
	_, err := fmt.Sscanf(host.Name, "esx%d.", &number)
	check(err)
	return number
}

func numbers(text string) []int {
	found := []int{}
	for _, each := range strings.FieldsFunc(text, func(char rune) bool { return char == ',' }) {
		number, err := strconv.Atoi(each)
		check(err)
		found = append(found, number)
	}
	return found
}

// modeReporter lets collectors of properties know that a host has changed its mode, as a vCenter
// does: the simulator's tasks of maintenance mode only set the property.
type modeReporter struct {
	inventory *simulator.Registry
}

// Reference names it among those that are told of updates; it is nothing that has properties.
func (*modeReporter) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "ModeReporter", Value: "mode-reporter"}
}

// PutObject is told of new objects, which is nothing to it.
func (*modeReporter) PutObject(*simulator.Context, mo.Reference) {}

// RemoveObject is told of removed objects, which is nothing to it.
func (*modeReporter) RemoveObject(*simulator.Context, types.ManagedObjectReference) {}

// UpdateObject is told of every change, the end of a task among them.
func (reporter *modeReporter) UpdateObject(
	context *simulator.Context, object mo.Reference, changes []types.PropertyChange,
) {
	task, is := object.(*mo.Task)
	if !is || !ends(changes) {
		return
	}
	modes := map[string]bool{
		"HostSystem.enterMaintenanceMode": true,
		"HostSystem.exitMaintenanceMode":  false,
	}
	if mode, known := modes[task.Info.DescriptionId]; known {
		host := reporter.inventory.Get(*task.Info.Entity)
		reporter.inventory.AtomicUpdate(context, host, []types.PropertyChange{
			{Name: "runtime.inMaintenanceMode", Val: mode},
		})
	}
}

func ends(changes []types.PropertyChange) bool {
	for _, change := range changes {
		if change.Name == "info.state" && change.Val == types.TaskInfoStateSuccess {
			return true
		}
	}
	return false
}

// certify makes a certificate for 127.0.0.1 that vouches for itself, and returns it in PEM, too.
func certify() (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "vcsim"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	block := &pem.Block{Type: "CERTIFICATE", Bytes: der}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(block))
}

func announce(what announcement) {
	check(json.NewEncoder(os.Stdout).Encode(what))
}

func waitForTheEnd() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		end <- syscall.SIGTERM
	}()
	<-end
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
