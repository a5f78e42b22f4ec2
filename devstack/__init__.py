"""Run the whole product on one machine, and show what it does. Never deployed, never imported by the app."""
