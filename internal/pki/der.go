package pki

import (
	"bytes"
	"errors"
	"fmt"
)

// maxDERDepth is deeper than any CSR nests; it keeps the walk off the end of
// the stack.
const maxDERDepth = 32

// checkDER reports the first place at which b is valid BER but not DER
// (X.690, clause 10 and 11): one value, definite lengths in their shortest
// form, primitive strings, canonical booleans, integers and bit strings,
// sorted sets. Go's parsers accept some of these, and another reader that
// takes them differently would see another request under the same signature.
func checkDER(b []byte) error {
	_, rest, err := derValue(b, 0)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow its end", len(rest))
	}
	return err
}

// derValue checks the first value of b and returns it and what follows it.
func derValue(b []byte, depth int) (value, rest []byte, err error) {
	if depth > maxDERDepth {
		return nil, nil, errors.New("it is nested too deeply")
	}
	header, length, err := derHeader(b)
	if err != nil {
		return nil, nil, err
	}
	value, rest = b[:header+length], b[header+length:]
	content := value[header:]
	if b[0]&0x20 != 0 {
		return value, rest, derConstructed(b[0], content, depth)
	}
	return value, rest, derPrimitive(b[0], content)
}

// derHeader reads tag and length. No structure that rekey reads has a tag
// number above 30, so the long form of tags is refused.
func derHeader(b []byte) (header, length int, err error) {
	switch {
	case len(b) < 2:
		return 0, 0, errors.New("it is cut short")
	case b[0]&0x1f == 0x1f:
		return 0, 0, errors.New("it has a tag number above 30")
	case b[1] < 0x80:
		header, length = 2, int(b[1])
	default:
		n := int(b[1] & 0x7f)
		if n == 0 || n > 3 {
			return 0, 0, errors.New("it has an indefinite or huge length")
		}
		if len(b) < 2+n {
			return 0, 0, errors.New("it is cut short")
		}
		for _, c := range b[2 : 2+n] {
			length = length<<8 | int(c)
		}
		if b[2] == 0 || length < 0x80 {
			return 0, 0, errors.New("it has a length that is not in the shortest form")
		}
		header = 2 + n
	}
	if len(b)-header < length {
		return 0, 0, errors.New("it is cut short")
	}
	return header, length, nil
}

const (
	derSequence = 0x30
	derSet      = 0x31
)

func derConstructed(tag byte, content []byte, depth int) error {
	if tag&0xc0 == 0 && tag != derSequence && tag != derSet {
		return errors.New("it has a string in constructed form")
	}
	var last []byte
	for len(content) > 0 {
		value, rest, err := derValue(content, depth+1)
		if err != nil {
			return err
		}
		if tag == derSet && bytes.Compare(last, value) > 0 {
			return errors.New("it has a set that is not sorted")
		}
		last, content = value, rest
	}
	return nil
}

func derPrimitive(tag byte, content []byte) error {
	switch tag {
	case 0x00, derSequence &^ 0x20, derSet &^ 0x20:
		return errors.New("it has a tag that no value can have")
	case 0x01:
		if len(content) != 1 || content[0] != 0 && content[0] != 0xff {
			return errors.New("it has a boolean that is not canonical")
		}
	case 0x02, 0x0a:
		if len(content) == 0 || len(content) > 1 && (content[0] == 0 && content[1] < 0x80 || content[0] == 0xff && content[1] >= 0x80) {
			return errors.New("it has an integer that is not in the shortest form")
		}
	case 0x03:
		return derBitString(content)
	case 0x05:
		if len(content) != 0 {
			return errors.New("it has a null with content")
		}
	case 0x06:
		return derObjectIdentifier(content)
	}
	return nil
}

func derBitString(content []byte) error {
	if len(content) == 0 || content[0] > 7 || content[0] > 0 && len(content) == 1 {
		return errors.New("it has a malformed bit string")
	}
	if unused := content[0]; content[len(content)-1]&(1<<unused-1) != 0 && unused > 0 {
		return errors.New("it has a bit string with set unused bits")
	}
	return nil
}

func derObjectIdentifier(content []byte) error {
	first := true // of the bytes of one arc
	for _, c := range content {
		if first && c == 0x80 {
			return errors.New("it has an object identifier that is not in the shortest form")
		}
		first = c < 0x80
	}
	if len(content) == 0 || !first {
		return errors.New("it has a malformed object identifier")
	}
	return nil
}
