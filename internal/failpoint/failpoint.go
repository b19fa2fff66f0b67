// Package failpoint names the instants at which a crash hurts, so that a test can end the process at each of them.
//
// The promise is that a run survives kill -9 at any instant. Killing at random seldom meets the instant between a write
// and its fsync, or between a request and its answer: those are microseconds wide. So the code that touches the disk, the
// network or a lock says where it stands, before and after:
//
//	failpoint.Hit("journal.fsync.before")
//	err = f.Sync()
//	failpoint.Hit("journal.fsync.after")
//
// In an ordinary build Hit is an empty function that the compiler removes, with its argument; neither a variable of the
// environment nor a name of a site is left in the program. Only a build with the tag failpoints reads
//
//	REKEY_FAILPOINT=log=FILE         appends a line to FILE at each hit: the name of the site
//	REKEY_FAILPOINT=kill=N           ends the process at the N-th hit, counted over all sites, by SIGKILL
//	REKEY_FAILPOINT=log=FILE,kill=N  does both; the last line of FILE is then the site of the kill
//
// A first run that logs thus tells how many instants there are, and a run for each kills it there. Hits are counted one at
// a time, and a killed process gets to no further one, so that line N of the log is hit N. Where goroutines run side by
// side their order, and thereby what the N-th hit is, may differ from run to run.
//
// The package imports none of ours, and does nothing in an ordinary build: any other may import it.
package failpoint
