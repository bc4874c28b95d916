import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;

import io.confluent.kafka.serializers.KafkaAvroDeserializer;
import io.confluent.kafka.serializers.KafkaAvroSerializer;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.io.JsonEncoder;

/**
 * Confluent's Avro serializer and deserializer, line by line: AvroLines write|read REGISTRY TOPIC SCHEMA-FILE
 *
 * "write" takes records of the schema in Avro's JSON encoding, one per line, and prints the bytes of their values in
 * hexadecimal. "read" takes such bytes, whatever schema wrote them, and prints the records as the schema has them.
 */
public final class AvroLines {
    private final Map<String, String> settings;
    private final String topic;
    private final Schema schema;

    private AvroLines(String registry, String topic, Schema schema) {
        this.settings = Map.of("schema.registry.url", registry);
        this.topic = topic;
        this.schema = schema;
    }

    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 4) {
            throw new IllegalArgumentException("arguments: write|read REGISTRY TOPIC SCHEMA-FILE");
        }
        Schema schema = new Schema.Parser().parse(Files.readString(Path.of(arguments[3])));
        AvroLines lines = new AvroLines(arguments[1], arguments[2], schema);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        switch (arguments[0]) {
            case "write" -> lines.write(in);
            case "read" -> lines.read(in);
            default -> throw new IllegalArgumentException("neither write nor read: " + arguments[0]);
        }
    }

    private void write(BufferedReader in) throws IOException {
        GenericDatumReader<Object> records = new GenericDatumReader<>(schema);
        try (KafkaAvroSerializer serializer = new KafkaAvroSerializer()) {
            serializer.configure(settings, false);
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                Object record = records.read(null, DecoderFactory.get().jsonDecoder(schema, line));
                System.out.println(HexFormat.of().formatHex(serializer.serialize(topic, record)));
            }
        }
    }

    private void read(BufferedReader in) throws IOException {
        try (KafkaAvroDeserializer deserializer = new KafkaAvroDeserializer()) {
            deserializer.configure(settings, false);
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                Object record = deserializer.deserialize(topic, HexFormat.of().parseHex(line), schema);
                System.out.println(json(record));
            }
        }
    }

    private String json(Object record) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        JsonEncoder encoder = EncoderFactory.get().jsonEncoder(schema, out, false);
        new GenericDatumWriter<>(schema).write(record, encoder);
        encoder.flush();
        return out.toString(StandardCharsets.UTF_8);
    }
}
