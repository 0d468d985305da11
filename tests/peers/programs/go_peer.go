// Go's net/http on either side: `serve CERT KEY` prints `listening PORT` and echoes what is posted, trailers too;
// `ask PORT CA` posts 50 MB, and 100 bodies at once, and prints what it found wrong, then `done`.
package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
)

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2], os.Args[3])
	} else {
		ask(os.Args[2], os.Args[3])
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func serve(cert, key string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	must(http.ServeTLS(listener, http.HandlerFunc(echo), cert, key))
}

func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	var count int
	fmt.Sscanf(r.URL.Path, "/fields/%d", &count)
	for i := 0; i < count; i++ {
		w.Header().Set(fmt.Sprintf("x-field-%d", i), strings.Repeat("v", 1000))
	}
	w.WriteHeader(200)
	w.(http.Flusher).Flush()
	buffer := make([]byte, 65536)
	for {
		n, err := r.Body.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
		if err != nil {
			break
		}
	}
	for name, values := range r.Trailer {
		w.Header().Set(http.TrailerPrefix+name, values[0])
	}
}

func pattern(length int, seed uint32) []byte {
	const period = 999983
	out := make([]byte, 0, length+period+4)
	x := seed*0x9e3779b1 | 1
	for len(out) < period && len(out) < length {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		out = append(out, byte(x), byte(x>>8), byte(x>>16), byte(x>>24))
	}
	if len(out) > period {
		out = out[:period]
	}
	for len(out) < length {
		out = append(out, out[:period]...)
	}
	return out[:length]
}

func ask(port, ca string) {
	pem, err := os.ReadFile(ca)
	must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	client := &http.Client{Transport: transport}
	url := "https://localhost:" + port
	check := func(size int, seed uint32, trailer string) {
		body := pattern(size, seed)
		request, err := http.NewRequest("POST", url+"/echo", io.MultiReader(bytes.NewReader(body)))
		must(err)
		if trailer != "" {
			request.Trailer = http.Header{"X-Sum": {trailer}}
		}
		response, err := client.Do(request)
		if err != nil {
			fmt.Println("wrong:", err)
			return
		}
		defer response.Body.Close()
		back, err := io.ReadAll(response.Body)
		if err != nil || response.ProtoMajor != 2 || response.StatusCode != 200 || sha256.Sum256(back) != sha256.Sum256(body) {
			fmt.Println("wrong:", err, response.Proto, response.Status, len(back), "of", size)
		}
		if response.Trailer.Get("X-Sum") != trailer {
			fmt.Println("wrong: trailers", response.Trailer)
		}
	}
	check(50_000_000, 1, "")
	check(100_000, 1, "abc")
	var all sync.WaitGroup
	for i := 0; i < 100; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			check(30_000+i, uint32(i+1), "")
		}(i)
	}
	all.Wait()
	request, _ := http.NewRequest("GET", url+"/", nil)
	for i := 0; i < 100; i++ {
		request.Header.Set(fmt.Sprintf("x-large-%d", i), strings.Repeat("v", 10_000))
	}
	// Go looks at SETTINGS_MAX_HEADER_LIST_SIZE itself.
	if response, err := client.Do(request); err == nil {
		fmt.Println("wrong: 1 MB of headers:", response.Status)
	}
	check(1_000, 1, "")
	fmt.Println("done")
}
