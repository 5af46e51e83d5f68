import { writeFile } from 'node:fs/promises'
import { buildDocument } from './openapi/document.ts'

/** Writes the OpenAPI document that the Worker serves; a test fails while it is not what this would write. */
await writeFile(
  new URL('../src/routes/openapi.json', import.meta.url),
  `${JSON.stringify(buildDocument(), null, 2)}\n`,
)
