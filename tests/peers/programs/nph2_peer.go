// The stream protocol (WIRE.md) as NPH2 speaks it, over Go's net/http, in both roles.
//
// `serve CERT KEY CAPACITY LIMIT` prints `listening PORT`. It gives ids, holds at most CAPACITY streams that nobody took
// (one more is a 404), and stops answering after LIMIT requests of one connection. Its handlers never return by themselves.
// Lines of its input: `echo ID` takes a stream and sends back what comes, to its end; `close ID` takes one and closes it
// as NPH2 does, without a word on the wire; `return ID` ends it; `held` prints how many it holds.
//
// `dial PORT CA COUNT` opens streams and prints `id ID`, or `wrong WHY`, for each, and sends back what comes on them. Lines
// of its input: `end ID` ends its side, `cancel ID` resets as NPH2's close does, `open` opens one more. It prints `eof ID` and `lost ID WHY`.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

func main() {
	if os.Args[1] == "serve" {
		serve()
	} else {
		dial()
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	must(err)
	return n
}

func commands(do func(verb, id string)) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text() + " -")
		do(words[0], words[1])
	}
}

// ---- server

type held struct {
	read  io.Reader
	write io.Writer
	flush http.Flusher
	done  chan struct{}
}

func (h *held) echo() {
	buffer := make([]byte, 32*1024)
	for {
		n, err := h.read.Read(buffer)
		if n > 0 {
			if _, err := h.write.Write(buffer[:n]); err != nil {
				return
			}
			h.flush.Flush()
		}
		if err != nil {
			close(h.done)
			return
		}
	}
}

type counter struct{}

func serve() {
	capacity, limit := number(os.Args[4]), number(os.Args[5])
	var lock sync.Mutex
	pool := map[string]*held{}
	first, reserved := true, 0

	handler := func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		served := r.Context().Value(counter{}).(*int)
		*served++
		mute, full := *served > limit, len(pool)+reserved >= capacity
		if !mute && !full {
			reserved++
		}
		lock.Unlock()
		if mute {
			select {}
		}
		if r.URL.Path != "/stream" || r.Method != "POST" || full {
			http.NotFound(w, r)
			return
		}
		begin := make([]byte, 1)
		if _, err := io.ReadFull(r.Body, begin); err != nil || begin[0] != 0 {
			fmt.Println("wrong first byte", begin, err)
			return
		}
		id := make([]byte, 4)
		lock.Lock()
		if !first {
			rand.Read(id)
		}
		first = false
		reserved--
		name := fmt.Sprintf("%x", id)
		stream := &held{r.Body, w, w.(http.Flusher), make(chan struct{})}
		pool[name] = stream
		lock.Unlock()
		w.Write(id)
		stream.flush.Flush()
		fmt.Println("id", name)
		<-stream.done
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := http.Server{
		Handler: http.HandlerFunc(handler),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, counter{}, new(int))
		},
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}},
	}
	go commands(func(verb, id string) {
		lock.Lock()
		defer lock.Unlock()
		stream := pool[id]
		if verb == "held" {
			fmt.Println("held", len(pool))
			return
		}
		if stream == nil {
			fmt.Println("unknown", id)
			return
		}
		delete(pool, id)
		switch verb {
		case "echo":
			go stream.echo()
		case "return":
			close(stream.done)
		}
		fmt.Println("done", verb, id)
	})
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	must(server.ServeTLS(listener, os.Args[2], os.Args[3]))
}

// ---- client

type opened struct {
	write *io.PipeWriter
	read  io.Closer
}

func dial() {
	pem, err := os.ReadFile(os.Args[3])
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	config := &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DisableCompression: true}}
	var lock sync.Mutex
	streams := map[string]*opened{}

	open := func() {
		reader, writer := io.Pipe()
		request, err := http.NewRequest("POST", "https://127.0.0.1:"+os.Args[2]+"/stream", reader)
		must(err)
		request.Host = "localhost"
		go writer.Write([]byte{0})
		response, err := client.Do(request)
		if err != nil {
			fmt.Println("wrong", err)
			return
		}
		if response.StatusCode != 200 || response.ProtoMajor != 2 {
			fmt.Println("wrong", response.Status, response.Proto)
			return
		}
		id := make([]byte, 4)
		if _, err := io.ReadFull(response.Body, id); err != nil {
			fmt.Println("wrong", err)
			return
		}
		name := fmt.Sprintf("%x", id)
		lock.Lock()
		streams[name] = &opened{writer, response.Body}
		lock.Unlock()
		fmt.Println("id", name)
		buffer := make([]byte, 32*1024)
		for {
			n, err := response.Body.Read(buffer)
			if n > 0 {
				writer.Write(buffer[:n])
			}
			if err == io.EOF {
				fmt.Println("eof", name)
				return
			}
			if err != nil {
				fmt.Println("lost", name, err)
				return
			}
		}
	}
	for i := 0; i < number(os.Args[4]); i++ {
		go open()
	}
	commands(func(verb, id string) {
		lock.Lock()
		stream := streams[id]
		lock.Unlock()
		switch verb {
		case "open":
			go open()
		case "end":
			stream.write.Close()
		case "cancel":
			stream.read.Close()
		}
	})
}
