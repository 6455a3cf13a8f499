// Checks published logs with other people's code alone: the notes, trees and tiles of Go's checksum database.
//
// check FOLDER: below it lie log/PARTY/ as in an exchange, keys (a line "NAME HEX" for each party's Ed25519 key), and
// proofs/NAME.tlog-proof with proofs/NAME.entry beside it. It says what held, or ends with 1 at the first thing that does not.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// cosigner verifies C2SP cosignature/v1 lines, which are signature type 0x04 and sign a time with the note.
type cosigner struct {
	name string
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return keyHash(c.name, 4, c.key) }
func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(c.key, []byte(signed), sig[8:])
}

func keyHash(name string, kind byte, key []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), append([]byte{kind}, key...)...))
	return binary.BigEndian.Uint32(sum[:])
}

// tiles reads a log's tiles from its folder, as C2SP tlog-tiles lays them out.
type tiles struct{ folder string }

func (tiles) Height() int                     { return height }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range want {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.folder, path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

type world struct {
	folder    string
	owners    map[string]note.Verifier
	cosigners []note.Verifier
}

func load(folder string) (*world, error) {
	w := &world{folder: folder, owners: map[string]note.Verifier{}}
	raw, err := os.ReadFile(filepath.Join(folder, "keys"))
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		name, text, _ := strings.Cut(line, " ")
		key, err := hex.DecodeString(text)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("keys: %s", line)
		}
		coded := base64.StdEncoding.EncodeToString(append([]byte{1}, key...))
		verifier, err := note.NewVerifier(fmt.Sprintf("%s+%08x+%s", name, keyHash(name, 1, key), coded))
		if err != nil {
			return nil, err
		}
		w.owners[name] = verifier
		w.cosigners = append(w.cosigners, cosigner{name, key})
	}
	return w, nil
}

// open gives the tree that the party signed, and by whom it was cosigned.
func (w *world) open(party string, raw []byte) (tlog.Tree, []string, error) {
	name := "counterfoil/" + party
	owner, ok := w.owners[name]
	if !ok {
		return tlog.Tree{}, nil, fmt.Errorf("no key of %s", name)
	}
	opened, err := note.Open(raw, note.VerifierList(owner))
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != name || lines[3] != "" {
		return tlog.Tree{}, nil, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	var seen []string
	if by, err := note.Open(raw, note.VerifierList(w.cosigners...)); err == nil {
		for _, signature := range by.Sigs {
			seen = append(seen, signature.Name)
		}
	} else if _, none := err.(*note.UnverifiedNoteError); !none {
		return tlog.Tree{}, nil, err
	}
	sort.Strings(seen)
	return tlog.Tree{N: size, Hash: root}, seen, nil
}

func (w *world) log(party string) (string, error) {
	folder := filepath.Join(w.folder, "log", party)
	raw, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return "", err
	}
	tree, _, err := w.open(party, raw)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	hashes := tlog.TileHashReader(tree, tiles{folder})
	entries, err := entries(folder, tree.N)
	if err != nil {
		return "", err
	}
	for index, entry := range entries {
		proof, err := tlog.ProveRecord(tree.N, int64(index), hashes)
		if err != nil {
			return "", fmt.Errorf("entry %d: %w", index, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, int64(index), tlog.RecordHash(entry)); err != nil {
			return "", fmt.Errorf("entry %d: %w", index, err)
		}
	}
	seen, notes := map[string]bool{}, 0
	kept, _ := filepath.Glob(filepath.Join(folder, "checkpoints", "*"))
	cosigned, _ := filepath.Glob(filepath.Join(folder, "cosigned", "*", "*"))
	for _, path := range append(kept, cosigned...) {
		raw, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		old, by, err := w.open(party, raw)
		if err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		if old.N > 0 {
			proof, err := tlog.ProveTree(tree.N, old.N, hashes)
			if err != nil {
				return "", fmt.Errorf("%s: %w", path, err)
			}
			if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
				return "", fmt.Errorf("%s: %w", path, err)
			}
		}
		for _, name := range by {
			seen[name] = true
		}
		notes++
	}
	return fmt.Sprintf("log of %s: %d entries, %d notes, %d cosigners", party, tree.N, notes, len(seen)), nil
}

// entries reads the entry bundles of a log of this size.
func entries(folder string, size int64) ([][]byte, error) {
	var all [][]byte
	for n := int64(0); n*256 < size; n++ {
		width := size - n*256
		if width > 256 {
			width = 256
		}
		tile := tlog.Tile{H: height, L: -1, N: n, W: int(width)}
		path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			return nil, err
		}
		for len(data) > 0 {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s is cut short", path)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			all, data = append(all, data[2:end]), data[end:]
		}
	}
	if int64(len(all)) != size {
		return nil, fmt.Errorf("%d entries, %d are signed", len(all), size)
	}
	return all, nil
}

// proof checks one C2SP tlog-proof.
func (w *world) proof(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	entry, err := os.ReadFile(strings.TrimSuffix(path, ".tlog-proof") + ".entry")
	if err != nil {
		return "", err
	}
	head, checkpoint, ok := bytes.Cut(raw, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		return "", errors.New("not a tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return "", err
	}
	var hashes tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return "", err
		}
		hashes = append(hashes, hash)
	}
	origin, _, _ := strings.Cut(string(checkpoint), "\n")
	party := strings.TrimPrefix(origin, "counterfoil/")
	tree, seen, err := w.open(party, checkpoint)
	if err != nil {
		return "", err
	}
	if err := tlog.CheckRecord(hashes, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		return "", err
	}
	return fmt.Sprintf("proof: entry %d of the log of %s, cosigned by %s", index, party, strings.Join(seen, ", ")), nil
}

func run(folder string) error {
	w, err := load(folder)
	if err != nil {
		return err
	}
	parties, _ := filepath.Glob(filepath.Join(folder, "log", "*"))
	if len(parties) == 0 {
		return errors.New("no log")
	}
	for _, path := range parties {
		said, err := w.log(filepath.Base(path))
		if err != nil {
			return fmt.Errorf("log of %s: %w", filepath.Base(path), err)
		}
		fmt.Println(said)
	}
	proofs, _ := filepath.Glob(filepath.Join(folder, "proofs", "*.tlog-proof"))
	for _, path := range proofs {
		said, err := w.proof(path)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		fmt.Println(said)
	}
	return nil
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
