import { writeFile } from 'node:fs/promises'
import { buildDocument } from './openapi/document.ts'
import { errorsPage } from './openapi/errors-page.ts'

/** Writes the OpenAPI document and the page of errors that the Worker serves; a test fails while they are not what this would write. */
const assets = new URL('../src/assets/', import.meta.url)
await writeFile(new URL('openapi.json', assets), `${JSON.stringify(buildDocument(), null, 2)}\n`)
await writeFile(new URL('errors.html', assets), errorsPage())
