"""The provider that misbehaves on demand: `server.SimulatorServer` over HTTP, `core.SimulatorCore` without sockets."""
