// SPDX-License-Identifier: Apache-2.0

// ledger-check reads a ledger's directory with Go's sumdb packages, code that
// shares nothing with bawn: the checkpoint's signature, the tree of its tiles
// and the hash of each leaf below it, and the proof of a receipt.
//
// usage: ledger-check VKEY DIR [RECEIPT LEAF-FILE]
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "ledger-check: %s: %v\n", what, err)
	os.Exit(1)
}

func read(name string) []byte {
	b, err := os.ReadFile(name)
	if err != nil {
		fail(name, err)
	}
	return b
}

type head struct {
	origin string
	tree   tlog.Tree
}

func open(text []byte, vkey string) head {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		fail("key", err)
	}
	n, err := note.Open(text, note.VerifierList(v))
	if err != nil {
		fail("checkpoint", err)
	}
	lines := strings.Split(n.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		fail("size", err)
	}
	raw, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(raw) != tlog.HashSize {
		fail("root", err)
	}
	h := head{origin: lines[0], tree: tlog.Tree{N: size}}
	copy(h.tree.Hash[:], raw)
	return h
}

// Tiles are at tile/8/L/N there, and at tile/L/N here.
type reader struct{ dir string }

func (r reader) Height() int { return 8 }

func (r reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		name := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
		b, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil { // the full one may have come meanwhile
			b, err = os.ReadFile(filepath.Join(r.dir,
				strings.Split(name, ".p/")[0]))
		}
		if err != nil {
			return nil, err
		}
		if len(b) > t.W*tlog.HashSize {
			b = b[:t.W*tlog.HashSize]
		}
		out = append(out, b)
	}
	return out, nil
}

func (r reader) SaveTiles([]tlog.Tile, [][]byte) {}

func bundle(dir string, n, width int64) []byte {
	t := tlog.Tile{H: 8, L: -1, N: n, W: int(width)}
	name := strings.Replace(t.Path(), "tile/8/data/", "tile/entries/", 1)
	return read(filepath.Join(dir, name))
}

func checkLeaves(dir string, h head) {
	hashes := tlog.TileHashReader(h.tree, reader{dir})
	for n := int64(0); n*256 < h.tree.N; n++ {
		width := h.tree.N - n*256
		if width > 256 {
			width = 256
		}
		b := bundle(dir, n, width)
		for i := int64(0); i < width; i++ {
			size := int(binary.BigEndian.Uint16(b))
			leaf := b[2 : 2+size]
			b = b[2+size:]
			proof, err := tlog.ProveRecord(h.tree.N, n*256+i, hashes)
			if err != nil {
				fail("prove", err)
			}
			err = tlog.CheckRecord(proof, h.tree.N, h.tree.Hash, n*256+i,
				tlog.RecordHash(leaf))
			if err != nil {
				fail(fmt.Sprintf("record %d", n*256+i), err)
			}
		}
		if len(b) > 0 {
			fail("bundle", fmt.Errorf("%d bytes more", len(b)))
		}
	}
}

func checkReceipt(name, leaf, vkey string) {
	front, rest, ok := bytes.Cut(read(name), []byte("\n\n"))
	lines := strings.Split(string(front), "\n")
	if !ok || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail(name, fmt.Errorf("no receipt"))
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	if err != nil {
		fail("index", err)
	}
	var proof tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			fail("proof", err)
		}
		proof = append(proof, hash)
	}
	h := open(rest, vkey)
	err = tlog.CheckRecord(proof, h.tree.N, h.tree.Hash, index,
		tlog.RecordHash(read(leaf)))
	if err != nil {
		fail("receipt", err)
	}
}

func main() {
	vkey, dir := os.Args[1], os.Args[2]
	h := open(read(filepath.Join(dir, "checkpoint")), vkey)
	checkLeaves(dir, h)
	if len(os.Args) == 5 {
		checkReceipt(os.Args[3], os.Args[4], vkey)
	}
	fmt.Printf("%s %d\n", h.origin, h.tree.N)
}
