"""The same ports on the Azure SDK: the reference for the app's own client of Azure Storage."""
