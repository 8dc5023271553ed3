"""What GreenOps tells people: recording and alerting rules, runbooks, Alertmanager's configuration, a page receiver.

Rules and configuration are values built from the metric catalogue; the YAML beside this package is written from them.
"""
