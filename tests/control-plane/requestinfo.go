package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
)

// seen is what a kube-apiserver sees in a request line. Error is set where the server answers an error instead: alone if
// the URL cannot be read at all, else beside what was understood before it.
type seen struct {
	IsResource    bool     `json:"is_resource"`
	Path          string   `json:"path"`
	Verb          string   `json:"verb"`
	APIPrefix     string   `json:"api_prefix"`
	APIGroup      string   `json:"api_group"`
	APIVersion    string   `json:"api_version"`
	Namespace     string   `json:"namespace"`
	Resource      string   `json:"resource"`
	Subresource   string   `json:"subresource"`
	Name          string   `json:"name"`
	Parts         []string `json:"parts,omitempty"`
	FieldSelector string   `json:"field_selector"`
	LabelSelector string   `json:"label_selector"`
	LongRunning   bool     `json:"long_running"`
	Error         string   `json:"error,omitempty"`
}

// runRequestInfo reads lines of METHOD, a space and a URL, and prints for each what a kube-apiserver with its own
// settings understands, one JSON object a line. It answers a line before it waits for the next batch of input.
func runRequestInfo() int {
	// As kube-apiserver's own configuration has them.
	factory := server.NewRequestInfoResolver(&server.Config{
		LegacyAPIGroupPrefixes: sets.NewString(server.DefaultLegacyAPIPrefix),
	})
	isLongRunning := genericfilters.BasicLongRunningRequestCheck(
		sets.NewString("watch", "proxy"), sets.NewString("attach", "exec", "proxy", "log", "portforward"))
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	output := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(output)
	encoder.SetEscapeHTML(false)
	for {
		line, err := input.ReadString('\n')
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			if err := encoder.Encode(see(factory, isLongRunning, line)); err != nil {
				fmt.Fprintln(os.Stderr, "requestinfo:", err)
				return 1
			}
		}
		if err != nil || input.Buffered() == 0 {
			if output.Flush() != nil || err != nil {
				return 0
			}
		}
	}
}

func see(factory *request.RequestInfoFactory, isLongRunning request.LongRunningRequestCheck, line string) seen {
	method, raw, found := strings.Cut(line, " ")
	if !found {
		return seen{Error: "no URL"}
	}
	// As net/http reads the target of a request line.
	target, err := url.ParseRequestURI(raw)
	if err != nil {
		return seen{Error: err.Error()}
	}
	asked := &http.Request{Method: method, URL: target}
	info, err := factory.NewRequestInfo(asked)
	result := seen{}
	if info != nil {
		result = seen{
			IsResource: info.IsResourceRequest, Path: info.Path, Verb: info.Verb, APIPrefix: info.APIPrefix,
			APIGroup: info.APIGroup, APIVersion: info.APIVersion, Namespace: info.Namespace, Resource: info.Resource,
			Subresource: info.Subresource, Name: info.Name, Parts: info.Parts, FieldSelector: info.FieldSelector,
			LabelSelector: info.LabelSelector, LongRunning: isLongRunning(asked, info),
		}
	}
	if err != nil {
		result.Error = err.Error()
	}
	return result
}
