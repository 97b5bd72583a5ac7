"""The loops and commands of the service, at work in a simulated market: `gtm simulate`."""
