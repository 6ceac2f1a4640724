/** What is used of the package `smpp`, which has no types of its own: its codec, and not its sessions (decision 0200). */
declare module 'smpp' {
  interface FieldType {
    readonly default: unknown;
  }
  interface Field {
    readonly type: FieldType;
    readonly default?: unknown;
  }

  class PDU {
    static maxLength: number;
    constructor(frame: Buffer);
    constructor(command: string, fields: object);
    readonly command: string;
    readonly command_length: number;
    readonly command_id: number;
    readonly command_status: number;
    sequence_number: number;
    isResponse(): boolean;
    toBuffer(): Buffer;
    readonly [field: string]: unknown;
  }

  const smpp: {
    readonly PDU: typeof PDU;
    readonly errors: Readonly<Record<string, number>>;
    readonly types: Readonly<Record<'int8' | 'cstring' | 'buffer', FieldType>> & {
      readonly tlv: Readonly<Record<'buffer', FieldType>>;
    };
    addCommand(name: string, command: { id: number; params: Readonly<Record<string, Field>> }): void;
    addTLV(name: string, tlv: { id: number; type: FieldType }): void;
  };
  export type { PDU };
  export default smpp;
}
