"""Alerts and the dashboard of `manifests/components/monitoring`: generated, checked, and tried on a real Prometheus."""
