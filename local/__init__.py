"""The whole of `template.yaml` on one machine: `python -m local run`.

Nothing here knows the product. The parts, in the order a request meets them:

- `template` reads the SAM template into frozen dataclasses; `intrinsics` evaluates `!Ref` and its kin,
  `attributes` knows what `!Ref` and `!GetAtt` of each resource type give.
- `cloud` starts the embedded AWS (ministack) as a child process, `cloud_server` is that child: it keeps the
  state on disk (`snapshots`) and can fail calls on purpose (`faults`). `resources` creates what the template declares.
- `gateway` is the HTTP API: `routes` selects, `authorizer` admits, `http_events` translates to and from events.
- `functions` keeps a pool of child processes per function; `function_host` is such a child.
- `pump` moves queue messages into functions (`batches` has the shapes), `schedules` fires the timers.
- `identity` signs the tokens of this machine, `logs` prints one readable line per unit of work.
- `stack` composes all of it, for the command line and for tests.
"""
