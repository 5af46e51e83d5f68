import { statusOf } from '../http/problem.ts'
import { type ErrorCode, StorageError } from '../storage/errors.ts'

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 0 auto; padding: 1rem }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere }
pre { overflow: auto; padding: .75rem; border: 1px solid #8886; border-radius: .4rem }
details { border: 1px solid #8886; border-radius: .4rem; margin: .4rem 0; padding: .4rem .75rem }
summary { cursor: pointer }
summary b { display: inline-block; min-width: 5rem; text-transform: uppercase }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884 }
:target { background: #fd06 }
`

// Everything is set as text: nothing of the document is ever parsed as HTML.
const SCRIPT = `
const add = (parent, tag, text) => {
  const element = parent.appendChild(document.createElement(tag))
  if (text !== undefined) element.textContent = text
  return element
}
const table = (parent, title, rows) => {
  if (rows.length === 0) return
  add(parent, 'h4', title)
  const body = add(add(parent, 'table'), 'tbody')
  for (const cells of rows) {
    const row = add(body, 'tr')
    cells.forEach((cell, index) => add(row, index ? 'td' : 'th', cell))
  }
}
const show = (api) => {
  const main = document.querySelector('main')
  const at = (value) => value.$ref
    ? value.$ref.slice(2).split('/').reduce((node, key) => node[key], api)
    : value
  const schemas = (parent, content = {}) => {
    for (const [type, { schema }] of Object.entries(content)) {
      add(parent, 'p', type)
      if (schema && !schema.$ref) add(parent, 'pre', JSON.stringify(schema, null, 2))
    }
  }
  for (const { name } of api.tags) {
    add(main, 'h2', name)
    for (const [path, item] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        if (!operation.operationId || operation.tags[0] !== name) continue
        const details = add(main, 'details')
        details.id = operation.operationId
        const summary = add(details, 'summary')
        add(summary, 'b', method)
        add(summary, 'code', path)
        add(summary, 'span', ' – ' + operation.summary)
        if (operation.description) add(details, 'p', operation.description)
        if (operation.security) add(details, 'p', 'Needs the bearer token (API_TOKEN).')
        const parameters = [...(item.parameters || []), ...(operation.parameters || [])]
        table(details, 'Parameters', parameters.map((parameter) => [
          parameter.name, parameter.in, parameter.description || JSON.stringify(parameter.schema),
        ]))
        if (operation.requestBody) {
          add(details, 'h4', 'Body')
          if (operation.requestBody.description) add(details, 'p', operation.requestBody.description)
          schemas(details, operation.requestBody.content)
        }
        table(details, 'Answers', Object.entries(operation.responses).map(([status, answer]) => [
          status, at(answer).description,
        ]))
        for (const answer of Object.values(operation.responses)) if (!answer.$ref) schemas(details, answer.content)
      }
    }
  }
  const target = location.hash && document.getElementById(location.hash.slice(1))
  if (target) { target.open = true; target.scrollIntoView() }
}
fetch(location.pathname.replace(/docs$/, 'api/openapi.json'))
  .then((response) => response.json())
  .then(show, (error) => add(document.querySelector('main'), 'p', 'The document could not be read: ' + error.message))
`

/** What the codes of problem documents mean to whoever gets one. */
const ERRORS: Record<ErrorCode, string> = {
  absent: 'Every backend proved that it does not hold the name, or the name was deleted.',
  invalid:
    'The name, the query or the body cannot be used. The detail says why; asking again changes nothing.',
  corrupt: 'The bytes were short, long, or did not have the digest that was announced. Nothing was stored.',
  precondition: 'The object is not, or is no longer, as If-Match or If-None-Match demands.',
  'too-large': 'The body has more bytes than the backend or the configuration takes.',
  unsatisfiable: 'The range begins past the end of the object; Content-Range tells its size.',
  unsupported: 'No backend of the chain can do this.',
  timeout: 'No backend has it, and those that failed did not answer in time. It may exist: try again.',
  unavailable: 'No backend has it, and at least one failed. It may exist: try again.',
  denied: 'A backend refuses the credentials that the Worker was configured with.',
  skipped: 'A backend was not asked, since it failed too often lately. It is tried again by itself.',
}

/** The page that shows the OpenAPI document; loads nothing from elsewhere. */
export function docsPage(nonce: string): string {
  const body = `<h1>fallback-storage</h1>
<p>The API of this deployment, from <a href="api/openapi.json">its OpenAPI document</a>. <a href="docs/errors">What errors mean</a>.</p>
<main></main>
<script nonce="${nonce}">${SCRIPT}</script>`
  return page({ title: 'fallback-storage API', body, nonce })
}

/** The page that the types of problem documents point to. */
export function errorsPage(nonce: string): string {
  const rows = (Object.entries(ERRORS) as [ErrorCode, string][]).map(
    ([code, meaning]) =>
      `<tr id="${code}"><th><code>${code}</code></th><td>${statusOf(new StorageError(code, ''))}</td><td>${meaning}</td></tr>`,
  )
  const body = `<h1>Errors</h1>
<p>Errors are problem documents (RFC 9457). Where backends were asked, <code>backends</code> tells what each failed with.</p>
<table><tr><th>Code</th><th>Status</th><th>Meaning</th></tr>
${rows.join('\n')}
</table>`
  return page({ title: 'fallback-storage errors', body, nonce })
}

function page({ title, body, nonce }: { title: string; body: string; nonce: string }): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style nonce="${nonce}">${STYLE}</style></head>
<body>
${body}
</body></html>
`
}
