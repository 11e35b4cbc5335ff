//! The function of a workflow, as commands to paste into a shell.

use attache::sandbox::platform::Environment;

/// Five commands: an access token, with it a content token, with it an entry, and what is public. The third and the fourth
/// use the variable of the one before.
pub fn lines(public_url: &str, key: &str, connection_id: &str, content_api_url: &str) -> String {
    let Environment { project, environment } = Environment::demo();
    format!(
        r#"
Connected as {connection_id}. What its function may do now; paste into a shell:

# an access token that is valid now
curl -sS -w '\n' {public_url}/api/apps.auth.external.get -H 'Authorization: Bearer {key}' -d external_token_id={connection_id}

# the same, kept; with it a content token for one environment
ACCESS_TOKEN=$(curl -sS {public_url}/api/apps.auth.external.get -H 'Authorization: Bearer {key}' -d external_token_id={connection_id} | sed 's/.*"external_token":"\([^"]*\)".*/\1/')

CONTENT_TOKEN=$(curl -sS {public_url}/graphql -H "Authorization: Bearer $ACCESS_TOKEN" -H 'Content-Type: application/json' \
  -d '{{"query":"query Viewer {{ _viewer {{ ... on UserViewer {{ id project(id: \"{project}\") {{ environment(id: \"{environment}\") {{ authToken }} }} }} }} }}"}}' | sed 's/.*"authToken":"\([^"]*\)".*/\1/')

# an entry in your name
curl -sS -w '\n' {content_api_url} -H "Authorization: Bearer $CONTENT_TOKEN" -H 'Content-Type: application/json' \
  -d '{{"query":"mutation {{ createDemoModel23May20250843(data: {{ title: \"Sample Content\", slug: \"sample-content\" }}) {{ id createdBy {{ name }} }} }}"}}'

# what anybody may read there: what is published, and that is nothing yet
curl -sS -w '\n' {content_api_url} -H 'Content-Type: application/json' -d '{{"query":"{{ demoModel23May20250843S {{ id title }} }}"}}'

Then stop it at {public_url}/account/connected-apps/{connection_id} and paste the first one again.
"#
    )
}
