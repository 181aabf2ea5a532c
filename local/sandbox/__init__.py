"""A small, realistic SaaS API on this machine: what a connector talks to in the demo and in tests.

`local.sandbox.server.start()` serves it on 127.0.0.1; `GET /` describes every URL and credential.
The product never imports it. All state lives in the started sandbox, so several can run side by side.
"""
