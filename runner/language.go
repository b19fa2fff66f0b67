package runner

// keyDoc is a key of the language and what it means, a sentence without a full
// stop. The parser knows the keys by these tables, and the schema describes
// them by the same.
type keyDoc struct{ name, doc string }

type keyDocs []keyDoc

// KeyDoc is a key of the language and its meaning, a sentence without a full
// stop.
type KeyDoc struct{ Name, Doc string }

// StepKeys are the keys that every step may have, beside its step type.
func StepKeys() []KeyDoc {
	keys := make([]KeyDoc, len(stepDocs))
	for i, k := range stepDocs {
		keys[i] = KeyDoc{k.name, k.doc}
	}
	return keys
}

// names are the keys, in the order in which messages list them.
func (k keyDocs) names() []string {
	names := make([]string, len(k))
	for i := range k {
		names[i] = k[i].name
	}
	return names
}

// The keys of a playbook and of its parts.
var (
	playbookDocs = keyDocs{
		{"rekey", "version of the language, 1; stands first"},
		{"playbook", "name of the playbook: lower-case letters, digits and hyphens"},
		{"version", "semantic version of this playbook; plan and journal record it"},
		{"description", "what the playbook is for"},
		{"inputs", "values that whoever runs the playbook gives"},
		{"vars", "values that are computed once, before the first step; each sees those above it"},
		{"on_failure", "what becomes of the steps done when one fails: rollback undoes them, keep leaves them"},
		{"ignore", "named warnings that are not to be given for this playbook, each with the reason"},
		{"steps", "what is done, in this order"},
		{"outputs", "what a run yields when it is done"},
	}
	inputDocs = keyDocs{
		{"type", "string, int, bool, duration, object, or list(…) of one of them"},
		{"description", "what the value is for"},
		{"default", "the value when none is given; null makes the input optional"},
		{"min", "the least value of an int or a duration"},
		{"max", "the greatest value of an int or a duration"},
		{"enum", "the values allowed"},
		{"pattern", "a regular expression (RE2) that the whole of a string must match"},
		{"secret", "true keeps the value out of every record; it may reach only inputs marked secret"},
	}
	stepDocs = keyDocs{
		{"id", "name by which other steps, the plan and the journal know this one; unique in the file"},
		{"name", "what this step is called for people"},
		{"if", "condition, decided once before the step, and before for_each; without it the step always runs"},
		{"assert", "condition, or a list of them, that must hold after the step; of a loop after each item"},
		{"retry", "how often the step is tried again when it fails with certainly nothing written"},
		{"timeout", "how long one try may take; a write without an answer by then is looked for as after any lost answer"},
		{"rollback", "skip leaves what the step did when the run is rolled back"},
		{"ignore", "named warnings that are not to be given for this step, and what is in it, each with the reason"},
		{"for_each", "list of strings, ints or objects; the step is done once for each of its items"},
		{"as", "name of the item in expressions"},
		{"key", "member of an object that tells the items apart; id without it"},
		{"concurrency", "how many items are worked on at a time, 1 without it"},
		{"batches", "sizes of the batches, numbers or percentages of all items, the last repeats; the next begins when the one before is over, no more items failed than may, and not every item of it did"},
		{"max_failures", "how many items may fail, 0 without it, but never a whole batch; a failed item undoes its own steps"},
		{"steps", "the steps of a block, in place of a step type"},
	}
	retryDocs = keyDocs{
		{"attempts", "how many tries there are in all, 2 to 100"},
		{"delay", "time before the second try, doubled before each further one; 1s without it"},
		{"max_delay", "the longest time between two tries; 1m without it"},
	}
)

// maxListDepth is how deep the type of an input may nest lists.
const maxListDepth = 5
