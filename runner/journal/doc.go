// Package journal keeps the record of one run: an append-only file to which every event is written, and on disk, before
// anything else happens because of it.
//
// # Why a file of lines
//
// A run is a fold over its events. Whoever can read the events again, after a crash, a kill -9 or a power cut, knows
// exactly how far the run had come. That makes three demands on the file: an event that was acknowledged is never lost,
// an event that was half written is never taken for a whole one, and a byte that changed afterwards never goes unnoticed.
// One JSON text a line answers all three, and stays readable with less and jq:
//
//	{"seq":1,"time":"2026-03-01T09:00:00Z","event":{"kind":"started"},"hash":"6f1c…"}
//	{"seq":2,"time":"2026-03-01T09:00:01.5Z","event":{"kind":"observed"},"hash":"b09e…"}
//
// seq counts from 1, so that it is also the line's number; time is RFC 3339 in UTC; event is the caller's JSON, with
// which this package has no business; hash chains the lines.
//
// # The chain
//
// A line's hash is the lower-case hex SHA-256 of the hash text of the line before (nothing for the first line) followed by
// this line's own bytes up to, and without, the text ,"hash":" that introduces it. It is taken over the bytes as they
// stand in the file and not over decoded values: a decoder ignores a member whose name was damaged, the bytes do not.
// Every byte of a line is thus either hashed, or part of the hash, or part of the few fixed characters around it.
//
// The chain finds accidents: a flipped bit, a line lost, repeated or moved, an editor's helping hand. It has no key, so it
// does not hold against somebody who computes it anew; and a file that ends early at a line's end reads as a younger
// journal. Head is there for those who want to keep the last hash elsewhere.
//
// # Torn lines and damage
//
// Append writes a line with its newline in one piece and calls fsync before it returns. If the machine dies in between,
// the file may end in a part of a line. That last piece without a newline was never acknowledged, so it is safe to take it
// away: Open copies it to a file beside the journal (path.torn-1, -2, …) and cuts it. Read only counts its bytes. Anything
// else that does not verify is damage. It is never repaired or skipped, because what follows from a wrong event is worse
// than a stop: Open and Read answer with a *DamageError that names the line. To that also belongs a last line that
// verifies but is followed by something that is no newline, for a torn write does not make one.
//
// # Errors of the disk
//
// After a failed write or fsync nobody knows what the disk holds. The journal is then broken for good: every later Append
// answers ErrBroken, so that nobody goes on without a record. The cure is to end the process and to open the journal
// again. It then holds every acknowledged line, and perhaps the one that failed. Such a line tells the truth all the same:
// it was composed after what it tells had happened, or announces what then was not begun. Since Linux counts a page whose
// write failed as clean, a later fsync would succeed without writing it; therefore Open writes the last line once more, and
// syncs, before it hands out any record.
//
// # One writer
//
// Create and Open take an exclusive lock that the kernel (flock) gives back when the process ends, however it ends. A
// process id stands beside it (path.pid) only to be named in the message. Systems without flock get a lock file made with
// O_EXCL (path.lock), which outlives a crash; the message then tells how to clear it. Read takes no lock and may run beside
// a writer; it sees the line being written as a torn one.
package journal
