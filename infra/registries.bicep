// What the app may do where registries are made: roles with exactly the actions that its backend uses.
targetScope = 'subscription'

param token string
param backend string
param principalId string

@description('The group that all registries are made in; empty when each gets a group of its own.')
param resourceGroupName string

// What each backend does where registries are made; `register` counts in the subscription only.
var actionsOf = {
  azure: [
    'Microsoft.Resources/subscriptions/resourceGroups/read'
    'Microsoft.Resources/subscriptions/resourceGroups/write'
    'Microsoft.Resources/subscriptions/resourceGroups/delete'
    'Microsoft.Resources/subscriptions/resourceGroups/resources/read'
    'Microsoft.Storage/storageAccounts/read'
    'Microsoft.Storage/storageAccounts/write'
    'Microsoft.Storage/storageAccounts/delete'
    'Microsoft.Storage/storageAccounts/blobServices/containers/read'
    'Microsoft.Storage/storageAccounts/blobServices/containers/write'
    'Microsoft.ContainerRegistry/registries/read'
    'Microsoft.ContainerRegistry/registries/write'
    'Microsoft.ContainerRegistry/registries/delete'
    'Microsoft.ContainerRegistry/registries/replications/read'
    'Microsoft.ContainerRegistry/registries/replications/write'
    'Microsoft.ContainerRegistry/registries/replications/delete'
  ]
  azureml: [
    'Microsoft.MachineLearningServices/registries/read'
    'Microsoft.MachineLearningServices/registries/write'
    'Microsoft.MachineLearningServices/registries/delete'
    'Microsoft.MachineLearningServices/registries/removeRegions/action'
  ]
}
var registrationsOf = {
  azure: [
    'Microsoft.Storage/register/action'
    'Microsoft.ContainerRegistry/register/action'
  ]
  azureml: ['Microsoft.MachineLearningServices/register/action']
}

resource provisioner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, token, 'registry-provisioner')
  properties: {
    roleName: 'Registry API provisioner ${token}'
    description: 'Makes and removes what registries need.'
    type: 'CustomRole'
    assignableScopes: [subscription().id]
    permissions: [
      {
        actions: actionsOf[backend]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

resource registrar 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, token, 'provider-registrar')
  properties: {
    roleName: 'Registry API provider registrar ${token}'
    description: 'Registers the resource providers that registries need, where the subscription does not know them yet.'
    type: 'CustomRole'
    assignableScopes: [subscription().id]
    permissions: [
      {
        actions: registrationsOf[backend]
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

resource registers 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, 'registrar')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: registrar.id
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
