import { writeFile } from 'node:fs/promises'
import { faultsDocument } from './faults/document.ts'

/** Generates docs/faults.md from the tests' expectations. A test fails if it is out of date. */
await writeFile(new URL('../docs/faults.md', import.meta.url), faultsDocument())
