export { ACCEPTABLE, type Acceptable, type LeftOutReason } from '../../schemas/reasons.ts'
