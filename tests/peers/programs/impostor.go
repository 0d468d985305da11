// Shows the certificate of one pair and signs with the key of another: impostor CERT OTHER_CERT OTHER_KEY.
package main

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"os"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	check(err)
	stolen, _ := pem.Decode(text)
	own, err := tls.LoadX509KeyPair(os.Args[2], os.Args[3])
	check(err)
	pair := tls.Certificate{Certificate: [][]byte{stolen.Bytes}, PrivateKey: own.PrivateKey}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}})
	check(err)
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		check(err)
		go func() {
			// The client ends it, or nobody.
			conn.(*tls.Conn).Handshake()
			conn.Read(make([]byte, 1))
			conn.Close()
		}()
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
