"""Logins to Git hosts: GitHub Apps and clouds."""
