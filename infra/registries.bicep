// What the app may do where registries are made: a role with exactly the actions that it uses, and nothing else.
targetScope = 'subscription'

param token string
param principalId string

@description('The group that all registries are made in; empty when each gets a group of its own.')
param resourceGroupName string

resource provisioner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, token, 'registry-provisioner')
  properties: {
    roleName: 'Registry API provisioner ${token}'
    description: 'Makes and removes what registries need, and reads who may do what.'
    type: 'CustomRole'
    assignableScopes: [subscription().id]
    permissions: [
      {
        actions: [
          'Microsoft.Resources/subscriptions/resourceGroups/read'
          'Microsoft.Resources/subscriptions/resourceGroups/write'
          'Microsoft.Resources/subscriptions/resourceGroups/delete'
          'Microsoft.Resources/subscriptions/resourceGroups/resources/read'
          'Microsoft.Storage/storageAccounts/read'
          'Microsoft.Storage/storageAccounts/write'
          'Microsoft.Storage/storageAccounts/delete'
          'Microsoft.Storage/storageAccounts/blobServices/containers/read'
          'Microsoft.Storage/storageAccounts/blobServices/containers/write'
          'Microsoft.Storage/register/action'
          'Microsoft.ContainerRegistry/registries/read'
          'Microsoft.ContainerRegistry/registries/write'
          'Microsoft.ContainerRegistry/registries/delete'
          'Microsoft.ContainerRegistry/registries/replications/read'
          'Microsoft.ContainerRegistry/registries/replications/write'
          'Microsoft.ContainerRegistry/registries/replications/delete'
          'Microsoft.ContainerRegistry/register/action'
        ]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

resource observer 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, token, 'registry-observer')
  properties: {
    roleName: 'Registry API access reader ${token}'
    description: 'Reads who may do what in the subscription.'
    type: 'CustomRole'
    assignableScopes: [subscription().id]
    permissions: [
      {
        actions: [
          'Microsoft.Authorization/roleAssignments/read'
          'Microsoft.Authorization/roleDefinitions/read'
          'Microsoft.Authorization/denyAssignments/read'
        ]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

resource observes 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, 'observer')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: observer.id
  }
}

resource provisions 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (empty(resourceGroupName)) {
  name: guid(subscription().id, principalId, 'provisioner')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: provisioner.id
  }
}

module provisionsInGroup 'group-role.bicep' = if (!empty(resourceGroupName)) {
  name: 'provisions-${token}'
  scope: resourceGroup(empty(resourceGroupName) ? 'none' : resourceGroupName)
  params: {
    principalId: principalId
    roleDefinitionId: provisioner.id
  }
}
