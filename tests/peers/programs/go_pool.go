// The stream protocol over Go's net/http, as WIRE.md has it: `serve CERT KEY LIMIT` is a pool whose handlers never return and
// which answers 404 when it holds LIMIT streams that have not said anything; it echoes. `use PORT CA N` opens N streams, one after the
// other, and sends a line over each.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2], os.Args[3], os.Args[4])
	} else {
		use(os.Args[2], os.Args[3], os.Args[4])
	}
}

func serve(cert, key, limit string) {
	capacity, err := strconv.Atoi(limit)
	must(err)
	var mutex sync.Mutex
	idle, given := 0, 0
	mux := http.NewServeMux()
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		first := make([]byte, 1)
		if _, err := io.ReadFull(r.Body, first); err != nil {
			return
		}
		mutex.Lock()
		if idle >= capacity {
			mutex.Unlock()
			http.NotFound(w, r)
			return
		}
		idle++
		id := make([]byte, 4)
		if given > 0 {
			rand.Read(id)
		}
		given++
		mutex.Unlock()
		flusher := w.(http.Flusher)
		w.Write(id)
		flusher.Flush()
		buffer := make([]byte, 65536)
		used := false
		for {
			n, err := r.Body.Read(buffer)
			if n > 0 {
				if !used {
					used = true
					mutex.Lock()
					idle--
					mutex.Unlock()
				}
				w.Write(buffer[:n])
				flusher.Flush()
			}
			if err != nil {
				break
			}
		}
		select {}
	})
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config(cert, key))
	must(err)
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	must((&http.Server{Handler: mux}).Serve(&h2Listener{listener}))
}

func config(cert, key string) *tls.Config {
	pair, err := tls.LoadX509KeyPair(cert, key)
	must(err)
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13}
}

// net/http looks for *tls.Conn: nothing is changed, only named.
type h2Listener struct{ net.Listener }

func use(port, ca, count string) {
	pem, err := os.ReadFile(ca)
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	n, err := strconv.Atoi(count)
	must(err)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS13},
		ForceAttemptHTTP2: true,
	}}
	for i := 0; i < n; i++ {
		reader, writer := io.Pipe()
		request, err := http.NewRequest("POST", "https://127.0.0.1:"+port+"/stream", reader)
		must(err)
		request.Host = "localhost"
		go writer.Write([]byte{0})
		answer, err := client.Do(request)
		must(err)
		if answer.StatusCode != 200 {
			fmt.Printf("status %d\n", answer.StatusCode)
			continue
		}
		id := make([]byte, 4)
		_, err = io.ReadFull(answer.Body, id)
		must(err)
		fmt.Printf("id %s\n", hex.EncodeToString(id))
		fmt.Fprintf(writer, "line %d\n", i)
		line, err := bufio.NewReader(answer.Body).ReadString('\n')
		must(err)
		fmt.Printf("echo %s", line)
		writer.Close()
		rest, err := io.ReadAll(answer.Body)
		fmt.Printf("end %d %v\n", len(rest), err)
	}
	fmt.Println("done")
}
