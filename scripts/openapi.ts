import { writeFile } from 'node:fs/promises'
import { buildDocument } from './openapi/document.ts'
import { errorsPage } from './openapi/errors-page.ts'

/** Generates the OpenAPI document and the page of errors that the Worker serves. A test fails if they are out of date. */
const assets = new URL('../src/assets/', import.meta.url)
await writeFile(new URL('openapi.json', assets), `${JSON.stringify(buildDocument(), null, 2)}\n`)
await writeFile(new URL('errors.html', assets), errorsPage())
