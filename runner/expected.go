package runner

import "time"

// callTime is what one request to Okta is reckoned to take.
const callTime = 300 * time.Millisecond

// limits puts those that the org told in the place of those by default.
func (r *rehearsal) limits() {
	if r.spec.Limits == nil {
		return
	}
	told, body := r.spec.Limits(), &r.plan.Body
	all := []map[string]Bucket{body.Calls}
	if body.Rollback != nil {
		all = append(all, body.Rollback.Calls)
	}
	for i := range body.Steps {
		all = append(all, body.Steps[i].Calls)
	}
	for _, calls := range all {
		for name, b := range calls {
			if limit, ok := told[name]; ok {
				calls[name] = Bucket{Calls: b.Calls, PerMinute: limit, Told: true}
			}
		}
	}
}

// expected is how long the run takes: its requests, or the limits that keep them
// waiting.
func (r *rehearsal) expected() time.Duration {
	took := r.working()
	for _, b := range r.plan.Body.Calls {
		took = max(took, b.Wait(r.plan.Body.RateShare))
	}
	return took
}

// working is how long the requests take, those of items beside each other.
func (r *rehearsal) working() (sum time.Duration) {
	for name, i := range r.at {
		calls := 0
		for _, b := range r.plan.Body.Steps[i].Calls {
			calls += b.Calls
		}
		took := time.Duration(calls) * callTime
		for s := r.machine.nodes[name].scope; s != nil; s = s.around() {
			if s.item() {
				took = took * time.Duration(s.owner.rounds()) / time.Duration(len(s.owner.loop.items))
			}
		}
		sum += took
	}
	return sum
}

// rounds is how many items of a loop come one after the other.
func (n *node) rounds() (rounds int) {
	begin, most := 0, n.step.Loop.Concurrency
	for _, end := range n.loop.ends {
		rounds += (end - begin + most - 1) / most
		begin = end
	}
	return rounds
}
