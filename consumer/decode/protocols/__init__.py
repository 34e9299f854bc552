"""What SiteWise, Sparkplug B and OPC UA define as JSON: messages read into observations with qualities."""
