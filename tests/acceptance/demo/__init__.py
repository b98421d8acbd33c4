"""The demo's story on a smaller tape: true twice on one home, and true while its processes are being killed."""
