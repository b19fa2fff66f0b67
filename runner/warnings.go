package runner

// Warning is a kind of thing that the checker finds strange in a playbook and
// yet allows. It has a name, by which a playbook silences it.
type Warning struct {
	Name    string // as in [Fault.Warning] and in ignore
	Summary string // what it is about, without a full stop

	// Explain says what is wrong, why it matters, what to do instead and how
	// to silence it. It is Markdown that reads well as it is: paragraphs set in
	// lines, and fragments of playbooks indented by four.
	Explain string
}

// Warnings are all warnings, sorted by name. The slice is the caller's.
func Warnings() []Warning {
	return []Warning{
		{"create-in-retry", "a step that makes a key or a CSR is tried again", createInRetry},
		{"switch-after-publish", "users get a key that the service provider has had no chance to load", switchAfterPublish},
		{"unused-ignore", "an ignore silences nothing", unusedIgnore},
		{"unused-output", "nothing uses what a step yields", unusedOutput},
	}
}

const createInRetry = `A step that makes a new key or a new CSR has ` + "`retry`" + `:

    - id: generate
      generate_key: {app: $<inputs.app>, validity_years: 2}
      retry: {attempts: 3}

Okta makes a new key, or a new CSR, each time it is asked. When an answer is lost, a key may
have been made all the same, and a second request would make a second one. So a create is tried
again only when it certainly did not happen. After a lost answer that takes the settle time of
waiting (` + "`--settle`" + `, 90 seconds by default) and a look at the org, for each try; and where even
that does not tell, because somebody else made a key at the same time, the run stops and leaves
the decision to a person.

For SAML sign-ins a key too many is harmless, since the app goes on signing with the key that it
has. But a key cannot be deleted again: whoever looks at the app next year has to find out which
of the two keys the service provider knows.

Do without ` + "`retry`" + ` here. Requests that Okta refuses for now (429) and reads that fail are repeated
anyway, and a run that stops can be rolled back and started again. Put ` + "`retry`" + ` on the steps that
have one outcome however often they are tried, such as a switch of the kid.

If you want it in spite of the waiting, say why, on the step, on a block around it, or at the top
of the playbook:

    - id: generate
      generate_key: {app: $<inputs.app>, validity_years: 2}
      retry: {attempts: 3}
      ignore: {create-in-retry: it runs at night and may take its time}
`

const switchAfterPublish = `A step that users notice, a switch of the kid, takes a key that a step before it has just made,
published or cloned, and nothing stands between the two but other switches:

    - id: generate
      generate_key: {app: $<inputs.app>, validity_years: 2}
    - id: activate
      update_app_kid: {app: $<inputs.app>, kid: $<steps.generate.kid>}

From the switch on, Okta signs assertions with the new key. A service provider that does not have
its certificate yet rejects every one of them, and nobody can sign in to the app. Most service
providers are given the certificate by hand, or read the metadata once a day: in the second
between these steps neither can happen, so sign-ins fail until somebody notices.

Do it in two runs. The first one makes the key and hands out its certificate, which changes
nothing for users; the second, ` + "`activate-app-key`" + ` for one, switches once the service provider has
loaded it. A playbook for both has an input that decides, and writes the certificate to a file
in between:

    - id: generate
      generate_key: {app: $<inputs.app>, validity_years: 2}
    - id: export
      export_certificate: {certificate: $<steps.generate.certificate>, path: certs/new.pem}
    - id: activate
      if: $<inputs.activate>
      update_app_kid: {app: $<inputs.app>, kid: $<steps.generate.kid>}

If nobody signs in there, or the service provider takes new keys by itself, say so, on the step,
on a block around it, or at the top of the playbook:

    - id: generate
      generate_key: {app: $<inputs.app>, validity_years: 2}
    - id: activate
      update_app_kid: {app: $<inputs.app>, kid: $<steps.generate.kid>}
      ignore: {switch-after-publish: a test app that nobody signs in to}
`

const unusedIgnore = `An ` + "`ignore`" + ` names a warning that is not given for this step, for anything in this block, or, at
the top, for anything in this playbook:

    - id: keys
      list_keys: {app: $<inputs.app>}
      assert: $<len(steps.keys.keys) > 1>
      ignore: {unused-output: only here to see that the app is there}

The assertion uses the output, so there is nothing to silence. What is wrong here was mended, or
moved to another step, and its excuse stayed behind. It does no harm today. But the day somebody
removes the assertion it silences a warning that nobody has looked at; and if the warning is
` + "`switch-after-publish`" + `, sign-ins fail where a line of the checker would have said so.

Delete the entry. If it should stand on another step, move it there, as near as it can be to what
it excuses.

To keep one that silences nothing for now, say why beside it, or at the top of the playbook:

    - id: keys
      list_keys: {app: $<inputs.app>}
      assert: $<len(steps.keys.keys) > 1>
      ignore:
        unused-output: the assertion goes once all apps are moved
        unused-ignore: see the line above
`

const unusedOutput = `A step yields something that Okta or the CA assigns, and no later step, no assertion and no
output of the playbook uses any of it; or a query is made, and nothing looks at the answer:

    - id: generate
      generate_key: {app: $<inputs.app>, validity_years: 2}
    - id: activate
      update_app_kid: {app: $<inputs.app>, kid: $<inputs.kid>}

Here a key is made, and the app is switched to another one. In most cases that is a slip: a value
was typed in, or taken from the wrong step, where the new one was meant. For SAML sign-ins it
means that the app goes on signing with a key that was to be replaced, or that a key is made whose
certificate no service provider ever gets. The same goes for a certificate that is issued and not
published, and for a CSR that stays open.

Use what the step yields:

    - id: generate
      generate_key: {app: $<inputs.app>, validity_years: 2}
    - id: activate
      update_app_kid: {app: $<inputs.app>, kid: $<steps.generate.kid>}

or hand it out under ` + "`outputs`" + `, where whoever runs the playbook sees it; or delete the step. A query
that is there to fail when something is missing says what it is about in an ` + "`assert`" + `:

    - id: before
      get_app: {app: $<inputs.app>}
      assert: $<steps.before.status == "ACTIVE">

If the step is meant as it is, say why, on the step, on a block around it, or at the top of the
playbook:

    - id: generate
      generate_key: {app: $<inputs.app>, validity_years: 2}
      ignore: {unused-output: a spare key that stays in reserve}
`
