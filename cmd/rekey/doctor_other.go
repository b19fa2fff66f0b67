//go:build !linux && !darwin

package main

// lookAt knows no way to ask without writing.
func lookAt(string) folder { return folder{} }
