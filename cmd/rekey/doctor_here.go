package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"example.com/rekey/internal/pki"
)

// expirySoon is from when on it is said that a CA's certificate ends.
const expirySoon = 30 * 24 * time.Hour

// ca checks the issuer's certificate, and its key.
func (e *examination) ca(f *doctorFlags) {
	cert, err := os.ReadFile(f.certificate)
	if err != nil {
		e.fail(exitInvalid, "ca certificate", fmt.Sprintf("%s cannot be read: %s", f.certificate, reason(err)), "give the path of a PEM file")
		return
	}
	issuer, err := pki.LoadCertificate(cert)
	if err == nil {
		err = issuer.Check(e.app.now())
	}
	if err != nil {
		e.fail(exitInvalid, "ca certificate", f.certificate+": "+err.Error(), "")
		return
	}
	c := issuer.Certificate
	ends := c.NotAfter.UTC().Format(time.DateOnly)
	if left := c.NotAfter.Sub(e.app.now()); left < expirySoon {
		e.warn("ca certificate", fmt.Sprintf("%s ends on %s, in %s", c.Subject, ends, plural(int(left.Hours()/24), "day")), "renew it: what it issues cannot outlive it")
	} else {
		e.ok("ca certificate", "%s may sign, until %s", c.Subject, ends)
	}
	if f.key != "" {
		e.caKey(f, cert)
	}
}

// caKey checks that the key is the certificate's.
func (e *examination) caKey(f *doctorFlags, cert []byte) {
	key, err := os.ReadFile(f.key)
	if err != nil {
		e.fail(exitInvalid, "ca key", fmt.Sprintf("%s cannot be read: %s", f.key, reason(err)), "give the path of a PEM file")
		return
	}
	_, err = pki.LoadIssuer(cert, key, []byte(e.app.getenv(variable("ca_pass"))))
	switch {
	case errors.Is(err, pki.ErrPassphraseNeeded):
		e.warn("ca key", f.key+" is encrypted, so whether it belongs to the certificate is not checked", "set "+variable("ca_pass")+" to have it opened")
	case err != nil:
		e.fail(exitInvalid, "ca key", f.key+": "+err.Error(), "")
	case openToOthers(f.key):
		e.warn("ca key", f.key+" belongs to the certificate, and others can read it", "chmod 600 "+quoted(f.key))
	default:
		e.ok("ca key", "%s belongs to the certificate", f.key)
	}
}

// Free space, in bytes: below the first the record of one owner's run with its
// plan and playbook may not fit; below the second it is said to be short, as a
// run of thousands of items keeps some 50 MB.
const (
	leastRoom = 2 << 20
	scarce    = 100 << 20
)

const (
	stateCheck = "state folder"
	stateCure  = "choose another with --state-dir FOLDER, or mend this one"
)

// state checks the folder in which runs are recorded, or the one in which it
// would be made. Nothing is written to find out.
func (e *examination) state() {
	dir, err := e.app.stateFolder()
	if err != nil {
		message, hint := explain(err)
		e.fail(exitFailed, stateCheck, message, hint)
		return
	}
	at, shown := dir, dir
	info, err := os.Stat(at)
	for errors.Is(err, os.ErrNotExist) && filepath.Dir(at) != at {
		at = filepath.Dir(at)
		info, err = os.Stat(at)
		shown = dir + ", which is still to be made,"
	}
	switch {
	case err != nil:
		e.fail(exitFailed, stateCheck, shown+" cannot be looked at: "+reason(err), stateCure)
		return
	case !info.IsDir():
		e.fail(exitFailed, stateCheck, shown+" cannot be used: "+at+" is no folder", stateCure)
		return
	}
	e.room(dir, shown, lookAt(at), at == dir && info.Mode().Perm()&0o077 != 0 && openFolder(info))
}

// room judges what was found of the state folder dir; open: others can look
// into it.
func (e *examination) room(dir, shown string, found folder, open bool) {
	switch {
	case found.readOnly != nil:
		e.fail(exitFailed, stateCheck, shown+" cannot be written to: "+found.readOnly.Error(), stateCure)
	case found.noLocks != nil:
		e.fail(exitFailed, stateCheck, shown+" is on a file system without locks: "+found.noLocks.Error(), "choose one on a local disk with --state-dir FOLDER")
	case found.known && found.free < leastRoom:
		e.fail(exitFailed, stateCheck, fmt.Sprintf("%s is on a disk with %d KB free, and a run needs %d MB at least", shown, found.free>>10, leastRoom>>20), "make room, or choose another with --state-dir FOLDER: a run that cannot be recorded stops")
	case found.known && found.free < scarce:
		e.warn(stateCheck, fmt.Sprintf("%s can be used, with %d MB free", shown, found.free>>20), "make room: a run that cannot be recorded stops")
	case open:
		e.warn(stateCheck, shown+" can be used, and looked into by others", "chmod 700 "+quoted(dir)+": it names your apps, keys and people")
	case !found.known:
		e.ok(stateCheck, "%s can be used", shown)
	default:
		e.ok(stateCheck, "%s can be used: writable, lockable, %d MB free", shown, found.free>>20)
	}
}

// openFolder reports whether the mode of a folder tells anything here.
func openFolder(info os.FileInfo) bool { return os.PathSeparator == '/' && info.IsDir() }

// folder is what can be told of one without writing to it.
type folder struct {
	readOnly error // why it cannot be written to
	noLocks  error // why nothing in it can be locked
	free     uint64
	known    bool // free is
}
