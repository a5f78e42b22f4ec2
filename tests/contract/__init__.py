"""What every implementation of the service's ports must do, in memory and on Azurite alike."""
