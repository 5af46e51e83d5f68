// Everything is set as text: nothing of the document is ever parsed as HTML.
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
  const at = (value) =>
    value.$ref
      ? value.$ref
          .slice(2)
          .split('/')
          .reduce((node, key) => node[key], api)
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
        const { security = [] } = operation
        const optional = security.some((requirement) => Object.keys(requirement).length === 0)
        const scope = security.flatMap(({ token = [] }) => token).join()
        if (optional) add(details, 'p', `Needs the scope ${scope}, unless media are public (MEDIA_ACCESS).`)
        else if (security.length > 0) add(details, 'p', `Needs a token with the scope ${scope}.`)
        const parameters = [...(item.parameters || []), ...(operation.parameters || [])]
        table(
          details,
          'Parameters',
          parameters.map((parameter) => [
            parameter.name,
            parameter.in,
            parameter.description || JSON.stringify(parameter.schema),
          ]),
        )
        if (operation.requestBody) {
          add(details, 'h4', 'Body')
          if (operation.requestBody.description) add(details, 'p', operation.requestBody.description)
          schemas(details, operation.requestBody.content)
        }
        table(
          details,
          'Answers',
          Object.entries(operation.responses).map(([status, answer]) => [status, at(answer).description]),
        )
        for (const answer of Object.values(operation.responses))
          if (!answer.$ref) schemas(details, answer.content)
      }
    }
  }
  const target = location.hash && document.getElementById(location.hash.slice(1))
  if (target) {
    target.open = true
    target.scrollIntoView()
  }
}
fetch(location.pathname.replace(/docs$/, 'api/openapi.json'))
  .then((response) => response.json())
  .then(show, (error) =>
    add(document.querySelector('main'), 'p', 'The document could not be read: ' + error.message),
  )
