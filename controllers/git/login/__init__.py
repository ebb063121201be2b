"""Credentials for Git hosts: from Secrets, GitHub Apps and clouds."""
