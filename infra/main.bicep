// Registry API on Azure: everything that `azd up` makes. Plain resources and local modules only.
// It has been read by two parsers but never been compiled or deployed; docs/deploy.md says what that means.
targetScope = 'subscription'

@description('Names the environment; part of the names of what is made.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Where the app runs. Registries may be elsewhere.')
@minLength(1)
param location string

@description('Ids of the tenants whose callers are let in, separated by commas; empty lets in those of this one.')
param tenants string = ''

@description('What access tokens may be for, separated by commas: client id and id URI of the app registration.')
param audiences string

@description('Seals the continuations of lists. Made by the preprovision hook of azure.yaml.')
@secure()
@minLength(32)
param signingKey string

@description('Keys for pipelines, as docs/access.md says; a JSON list.')
@secure()
param pipelineKeys string = '[]'

@description('Who may do what, as docs/access.md says; JSON, or the path of a file that is deployed with the app.')
@secure()
param roles string = ''

@description('Whether callers may also do what their role assignments on Azure say, as docs/access.md tells.')
param rolesFromAzure bool = true

@description('Who may send webhooks, as docs/webhooks.md says; a JSON list.')
@secure()
param webhooks string = '[]'

@description('Who is told what happens, as docs/notifications.md says; a JSON list.')
@secure()
param subscribers string = '[]'

@description('What makes registries: the app, resource by resource, or, experimental, Azure Machine Learning.')
@allowed(['azure', 'azureml'])
param backend string = 'azure'

@description('Subscription in which registries are made; empty takes this one.')
param registriesSubscriptionId string = ''

@description('A group that is there, in which all registries are made. Empty makes a group for each; azureml needs one.')
param registriesResourceGroup string = ''

@description('Subscription of requests that do not name one; empty takes the one in which registries are made.')
param defaultSubscriptionId string = ''

@description('Resource group of requests that do not name one.')
param defaultResourceGroup string = 'registries'

@description('Regions that registries may be in, separated by commas; empty allows all of the catalogue.')
param allowedRegions string = ''

@description('Where access tokens come from.')
param authority string = 'https://login.microsoftonline.com'

@description('Who is told when an alert fires; empty tells nobody.')
param alertEmail string = ''

@description('The version of Python on which the app runs; `make package` builds for the version that it runs under.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string = '3.12'

var tags = { 'azd-env-name': environmentName }
var subscriptionOfRegistries = empty(registriesSubscriptionId) ? subscription().subscriptionId : registriesSubscriptionId
var token = toLower(uniqueString(subscription().id, environmentName, location))

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module app 'app.bicep' = {
  name: 'app'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    tenants: empty(tenants) ? tenant().tenantId : tenants
    audiences: audiences
    signingKey: signingKey
    pipelineKeys: pipelineKeys
    roles: roles
    rolesFromAzure: rolesFromAzure
    webhooks: webhooks
    subscribers: subscribers
    backend: backend
    registriesSubscriptionId: subscriptionOfRegistries
    registriesResourceGroup: registriesResourceGroup
    defaultSubscriptionId: empty(defaultSubscriptionId) ? subscriptionOfRegistries : defaultSubscriptionId
    defaultResourceGroup: defaultResourceGroup
    allowedRegions: allowedRegions
    authority: authority
    pythonVersion: pythonVersion
  }
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    workspaceId: app.outputs.workspaceId
    email: alertEmail
  }
}

module registries 'registries.bicep' = {
  name: 'registries-${token}'
  scope: subscription(subscriptionOfRegistries)
  params: {
    token: token
    backend: backend
    principalId: app.outputs.principalId
    resourceGroupName: registriesResourceGroup
  }
}

output API_URL string = app.outputs.url
output AZURE_FUNCTION_APP string = app.outputs.name
output AZURE_RESOURCE_GROUP string = group.name
