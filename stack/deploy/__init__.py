"""Deployment without CDK: plain templates with their assets, and the permissions that it takes."""
