// What somebody has to look at. docs/operations.md says of each alert what it means and what to do.
param location string
param tags object
param token string
param workspaceId string
param email string

var rules = [
  {
    name: 'poison-messages'
    severity: 1
    description: 'A message failed so often that its operation was ended.'
    query: 'AppRequests | where Name == "provision_poison"'
  }
  {
    name: 'unreadable-messages'
    severity: 2
    description: 'A message that nobody can read is in quarantine.'
    query: 'AppTraces | where Message has "it is in quarantine"'
  }
  {
    name: 'stuck-operations'
    severity: 1
    description: 'An operation did not end within its time.'
    query: 'AppTraces | where Message has "OperationTimedOut"'
  }
  {
    name: 'server-errors'
    severity: 1
    description: 'The API answered with a server error.'
    query: 'AppRequests | where toint(ResultCode) >= 500'
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'ag-registry-api-${token}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'registryapi'
    emailReceivers: [
      {
        name: 'operator'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: 'alert-${rule.name}-${token}'
    location: location
    tags: tags
    properties: {
      displayName: 'Registry API: ${rule.name}'
      description: rule.description
      enabled: true
      severity: rule.severity
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT5M'
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      autoMitigate: true
      actions: { actionGroups: empty(email) ? [] : [people.id] }
    }
  }
]
