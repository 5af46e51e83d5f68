import { sampled } from '../../kit/sample.ts'
import { runGroups } from './run.ts'
import { openR2 } from './sites.ts'
import { TABLE } from './table.ts'

// `npm run test:s3` runs both chains in full.
const groups = TABLE.map(({ name, cases }) => ({ name, cases: sampled(cases, 4) }))

runGroups(groups, 'R2', openR2)
